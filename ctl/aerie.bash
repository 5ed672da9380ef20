# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Completion of the control tool: verbs, their options, the names of VMs and of their
# devices, all asked of the tool itself.

_aerie() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb=${COMP_WORDS[1]} tool=${COMP_WORDS[0]} words

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words=$("$tool" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi

	# The shell takes --name=value apart at the equals sign.
	[[ $cur == = ]] && cur=
	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
	case $verb:$prev in
	top:-d | top:--delay)
		mapfile -t COMPREPLY < <(compgen -W "200ms 1s 5s 1min" -- "$cur")
		return
		;;
	top:--sort)
		mapfile -t COMPREPLY < <(compgen -W "cpu exits memory io name" -- "$cur")
		return
		;;
	top:-n | top:--rounds)
		return
		;;
	esac
	case $prev in
	-k | --kernel | -i | --initrd | --module | -d | --disk | --base | --svg)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-n | --nic)
		words="host $(for each in /sys/class/net/*/bridge; do
			[[ -e $each ]] && basename "${each%/bridge}"
		done)"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	--files)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -d -- "$cur")
		return
		;;
	--only)
		words="exits mmio x2apic timer registers touch two device"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	-m | --memory)
		mapfile -t COMPREPLY < <(compgen -W "256M 512M 1G 2G 4G" -- "$cur")
		return
		;;
	--from)
		mapfile -t COMPREPLY < <(compgen -W "raw qcow2 vmdk vdi" -- "$cur")
		return
		;;
	--to)
		mapfile -t COMPREPLY < <(compgen -W "image raw" -- "$cur")
		return
		;;
	-t | --timeout)
		mapfile -t COMPREPLY < <(compgen -W "10s 30s 1min 5min" -- "$cur")
		return
		;;
	--burst)
		mapfile -t COMPREPLY < <(compgen -W "0 100ms 1s 10s" -- "$cur")
		return
		;;
	--budget)
		words="0 5 10 50 100"
		[[ $verb == share ]] || words="0 1ms 2ms 5ms 10ms"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	--period)
		mapfile -t COMPREPLY < <(compgen -W "10ms 20ms 100ms" -- "$cur")
		return
		;;
	--cap)
		mapfile -t COMPREPLY < <(compgen -W "0 25 50 100 200" -- "$cur")
		return
		;;
	--pin)
		mapfile -t COMPREPLY < <(compgen -W "any $(cat /sys/devices/system/cpu/online 2>/dev/null)" -- "$cur")
		return
		;;
	--balloon)
		mapfile -t COMPREPLY < <(compgen -W "auto 128M 256M 512M 1G 2G" -- "$cur")
		return
		;;
	--limit | --reserve | --min | --max)
		mapfile -t COMPREPLY < <(compgen -W "0 64M 128M 256M 512M 1G 2G 4G" -- "$cur")
		return
		;;
	--weight)
		mapfile -t COMPREPLY < <(compgen -W "50 100 200 400" -- "$cur")
		return
		;;
	--share-group)
		words=$("$tool" share 2>/dev/null | awk 'NR > 3 && $1 != "-" { print $1 }' | sort -u)
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	-c | --vcpus | -a | --append | --name | --vcpu | --size | --iops | --bps | --chunk | --part)
		return
		;;
	esac

	if [[ $cur == -* ]]; then
		words=$("$tool" help "$verb" 2>/dev/null |
			sed -n 's/^  \(-[a-z],\|   \) \(--[a-z-]*\) .*/\2/p')
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi

	case $verb in
	start | pause | resume | reset | stop | destroy | show | console | stat | mem | share | sched)
		words=$("$tool" list --names 2>/dev/null)
		;;
	cpus)
		((COMP_CWORD == 2)) || return
		words=$("$tool" list --names 2>/dev/null)
		;;
	balloon)
		case $COMP_CWORD in
		2) words=$("$tool" list --names 2>/dev/null) ;;
		3) words=auto ;;
		*) return ;;
		esac
		;;
	disk)
		words=$("$tool" list --names 2>/dev/null)
		((COMP_CWORD < 3)) || words="disk0 disk1 disk2 disk3"
		;;
	attach | detach)
		case $verb:$COMP_CWORD in
		*:2) words=$("$tool" list --names 2>/dev/null) ;;
		attach:3) words="disk nic console rng balloon" ;;
		detach:3)
			words=$("$tool" show "${COMP_WORDS[2]}" 2>/dev/null |
				awk '/^DEVICE KIND/ { on = 1; next } !NF { on = 0 } on { print $1 }')
			;;
		attach:4)
			[[ $prev != balloon ]] || COMPREPLY=("auto")
			[[ $prev == disk ]] || return
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		*) return ;;
		esac
		;;
	image)
		case $COMP_CWORD in
		2) words="create convert info check split join commit" ;;
		3 | 4)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		*) return ;;
		esac
		;;
	swap)
		case $COMP_CWORD in
		2) words="on off" ;;
		3)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		*) return ;;
		esac
		;;
	help)
		words=$("$tool" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
		;;
	*)
		return
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _aerie aerie
