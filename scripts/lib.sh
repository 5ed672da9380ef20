# shellcheck shell=bash disable=SC2034 # used by those who source this
# What every shell script here shares: where things are, how to say things,
# how to put something into the cache so that nobody sees half of it.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=$TOP/build
CACHE=${XDG_CACHE_HOME:-~/.cache}/aerie	# ~ works without HOME, too
PROG=$(basename "$0")
export LC_ALL=C.UTF-8

say() { echo "$PROG: $*" >&2; }
die() { echo "$PROG: $*" >&2; exit 1; }

# Progress goes to stderr and only where somebody asked to hear of it.
note() { [ -n "${QUIET:-}" ] || say "$@"; }

# link TARGET NAME: make NAME a symbolic link to TARGET in one step, so that a
# reader finds the old target or the new one. Nothing is written when it is
# right already.
link() {
	[ "$(readlink "$2" 2>/dev/null)" = "$1" ] && return
	mkdir -p "$(dirname "$2")"
	ln -s "$1" "$2.$$"
	mv -fT "$2.$$" "$2"
}

# cached NAME COMMAND...: unless the cache has NAME, run COMMAND with the path
# of an empty directory as its last argument and keep that directory as NAME.
# The directory is renamed when it is complete; of several runs at once one
# does the work and the others wait for it. Call it bare: after || or in an if the
# shell would overlook COMMAND's failures.
cached() {
	local dir=$CACHE/$1
	shift
	[ -d "$dir" ] && return
	mkdir -p "$(dirname "$dir")"
	(
		flock 9
		[ -d "$dir" ] && exit
		rm -rf "$dir".tmp.*
		tmp=$dir.tmp.$$
		trap 'rm -rf "$tmp"' EXIT
		mkdir "$tmp"
		"$@" "$tmp"
		mv -T "$tmp" "$dir"
	) 9>"$dir.lock"
}
