// SPDX-License-Identifier: GPL-2.0
/* The control tool: the table of verbs. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd.h"

const struct command commands[] = {
	{
		.name = "run", .operands = "[VM]", .max_operands = 1,
		.summary = "make a VM and start it",
		.options = opts_run, .run = cmd_run,
		.more =
"  aerie run web -m 512M -c 2 -k vmlinuz -i initrd.img -a \"console=ttyS0\"\n\n"
"Without a name it is vm1, vm2, ... The VM runs on when the tool ends; aerie stop\n"
"and aerie destroy end it. With --console on a terminal, Ctrl-] detaches; without\n"
"one the console is printed until the guest stops. The exit status is 1 when neither\n"
"the guest powered itself off nor somebody stopped or destroyed it. A VM that cannot\n"
"start is not kept.\n\n"
"A disk's options: ro, read-only; serial=TEXT; direct, without the host's page cache;\n"
"iops=N, bps=SIZE and burst=TIME, its limits a second and what may be made up for.\n"
"--balloon gives it a memory balloon (aerie help balloon).\n"
	}, {
		.name = "create", .operands = "[VM]", .max_operands = 1,
		.summary = "make a VM, do not start it",
		.options = opts_create, .run = cmd_create,
		.more =
"  aerie create web -m 4G -c 4 -k vmlinuz -i initrd.img -a \"console=ttyS0\"\n\n"
"The files are opened now and read when the VM starts. Memory is taken when the\n"
"guest touches it.\n"
	}, {
		.name = "start", .operands = "VM...", .min_operands = 1, .max_operands = ARGS_MAX,
		.summary = "start a VM that was created, or has stopped",
		.options = opts_plain, .run = cmd_simple,
		.more =
"  aerie start web\n\n"
"It fails where another hypervisor holds the processors (aerie doctor says which),\n"
"and where the images are not what they should be.\n"
	}, {
		.name = "pause", .operands = "VM...", .min_operands = 1, .max_operands = ARGS_MAX,
		.summary = "stop a VM's processors; it stays in memory",
		.options = opts_plain, .run = cmd_simple,
		.more =
"  aerie pause web && aerie resume web\n\n"
"When it returns the guest runs no instruction, and no device of it reads or writes its\n"
"memory: what a disk had begun is done, the rest waits.\n"
	}, {
		.name = "resume", .operands = "VM...", .min_operands = 1, .max_operands = ARGS_MAX,
		.summary = "let a paused VM go on",
		.options = opts_plain, .run = cmd_simple,
		.more = "  aerie resume web\n"
	}, {
		.name = "reset", .operands = "VM...", .min_operands = 1, .max_operands = ARGS_MAX,
		.summary = "press the reset button: memory is cleared, the image boots again",
		.options = opts_plain, .run = cmd_simple,
		.more = "  aerie reset web\n\nThe guest is not asked: what it has not written is lost.\n"
	}, {
		.name = "stop", .operands = "VM", .min_operands = 1, .max_operands = 1,
		.summary = "press the power button and wait until the guest is off",
		.options = opts_stop, .run = cmd_stop,
		.more =
"  aerie stop web --timeout 30s\n\n"
"Without --timeout it waits 60 seconds and then gives up with exit status 6; a\n"
"guest that does not listen to its power button (one without ACPI, or still\n"
"booting) is then refused at once. With --timeout the button is pressed until it\n"
"is taken, and the power is cut when the time is up. The stopped VM stays listed\n"
"with the reason until aerie destroy or aerie start.\n"
	}, {
		.name = "attach", .operands = "VM KIND [WHAT]", .min_operands = 2, .max_operands = 3,
		.summary = "give a VM one more device, also while it runs",
		.options = opts_plain, .run = cmd_attach,
		.more =
"  aerie attach web disk data.img,serial=data\n"
"  aerie attach web disk /dev/sdb\n"
"  aerie attach web nic br0\n"
"  aerie attach web console\n"
"  aerie attach web balloon auto,max=2G\n\n"
"A disk is as --disk of aerie run has it, a balloon as --balloon. A block device is the VM's alone: it must\n"
"not be mounted, or claimed in another way, and cannot be until it is detached. The\n"
"guest sees the device at once; aerie show lists it with its name.\n"
	}, {
		.name = "detach", .operands = "VM DEVICE", .min_operands = 2, .max_operands = 2,
		.summary = "take a device from a VM, also while it runs",
		.options = opts_detach, .run = cmd_detach,
		.more =
"  aerie detach web disk1\n\n"
"DEVICE is a name as in aerie show. The guest is asked to let it go, and has 30 seconds\n"
"without --timeout; then the device stays, with exit status 6, until the guest does it\n"
"after all, is reset or stops. With --force it is taken away as a plug is pulled: what\n"
"the guest has not written is lost. A VM that does not run is not asked.\n"
	}, {
		.name = "cpus", .operands = "VM [N]", .min_operands = 1, .max_operands = 2,
		.summary = "how many vCPUs a guest has: look, or change it while it runs",
		.options = opts_cpus, .run = cmd_cpus,
		.more =
"  aerie run web -c 1,max=4 -k vmlinuz -i initrd.img\n"
"  aerie cpus web 3\n\n"
"PRESENT is how many the guest has, WANTED how many it is to have, POSSIBLE how many it was\n"
"made for, ONLINE how many of those present it has started. What is added is there at once,\n"
"and used when the guest brings it online: in Linux, unless a udev rule does it, by echo 1\n"
"to /sys/devices/system/cpu/cpuN/online. To take vCPUs, the guest is asked to let go of the\n"
"highest; it has 30 seconds without --timeout, then it keeps them, with exit status 6, until\n"
"it lets go after all, is reset or stops. The first stays.\n"
	}, {
		.name = "destroy", .operands = "VM...", .min_operands = 1, .max_operands = ARGS_MAX,
		.summary = "remove a VM, running or not",
		.options = opts_plain, .run = cmd_simple,
		.more = "  aerie destroy web\n\nThe guest is not asked: what it has not written is lost.\n"
	}, {
		.name = "list", .operands = "",
		.summary = "the VMs there are",
		.options = opts_list, .run = cmd_list,
		.more =
"  aerie list\n\n"
"CPU% and EXITS/S are means since the VM was started; 100 is one processor. In\n"
"JSON, sizes are bytes and times nanoseconds.\n"
	}, {
		.name = "show", .operands = "VM", .min_operands = 1, .max_operands = 1,
		.summary = "all about one VM: configuration, state, threads, devices, mitigations",
		.options = opts_show, .run = cmd_show,
		.more =
"  aerie show web\n\n"
"A TID is the host thread that is the processor: ps, taskset, chrt, perf and\n"
"cgroups take it. Devices are those that aerie detach takes: SLOT is where the guest\n"
"has it on PCI bus 0, ASKED that it is to let it go.\n"
	}, {
		.name = "console", .operands = "VM", .min_operands = 1, .max_operands = 1,
		.summary = "attach to a VM's console",
		.options = opts_console, .run = cmd_console,
		.more =
"  aerie console web\n\n"
"What was printed before comes first. On a terminal every key goes to the guest but\n"
"Ctrl-], which detaches. Otherwise the output is copied until the VM stops or is\n"
"destroyed; stdin goes to the guest unless it is a terminal. Several can watch one\n"
"console; aerie show names the host tty that it is as well.\n"
	}, {
		.name = "stat", .operands = "VM", .min_operands = 1, .max_operands = 1,
		.summary = "what the guest's exits are and what they cost",
		.options = opts_stat, .run = cmd_stat,
		.more =
"  aerie stat web --histogram\n\n"
"SHARE is of the number of exits; TOTAL, MIN, MEAN and MAX are time in the host, of\n"
"handlers alone. --cost adds what comes with every exit, measured now on the VM's first\n"
"vCPU (or --vcpu), which must run or be paused: SWITCH, the way in and out of the guest\n"
"with its registers; HOST_STATE; MITIGATIONS. The man page says what each includes. --latency\n"
"tells how long vCPUs that could run have waited for a processor, and how often.\n"
	}, {
		.name = "sched", .operands = "[VM]", .max_operands = 1,
		.summary = "how VMs are scheduled, and where their vCPUs' time went",
		.options = opts_sched, .run = cmd_sched,
		.more =
"  aerie sched web\n"
"  aerie sched web --weight 200 --cap 150      twice its part, at most one processor and a half\n"
"  aerie sched web --pin 0-3\n"
"  aerie sched web --budget 2ms --period 10ms  for each vCPU, whatever others do\n\n"
"RUN is with a processor, WAIT without one, CAPPED stopped by the cap, BLOCKED waiting for\n"
"memory, IDLE halted, PAUSED not running: together all time since the start. STEAL, which the\n"
"guest is told, is what is neither RUN nor IDLE. CAPS counts stops by the cap, YIELDS how often\n"
"a vCPU let another of its VM go first, SKEW is the longest that one waited far longer than it,\n"
"GRACES how often one with its interrupts off kept its processor for a moment.\n"
	}, {
		.name = "disk", .operands = "VM DISK", .min_operands = 2, .max_operands = 2,
		.summary = "how large a disk of a VM is, and what it may do: look, or change it",
		.options = opts_disk, .run = cmd_disk,
		.more =
"  aerie disk web disk0 --size 20G --iops 500 --bps 50M\n\n"
"Disks are disk0, disk1 and so on, in the order of --disk. A guest that runs is told of\n"
"a new size, and takes the new limits at once. A disk does not shrink; a block device\n"
"has the size it has, which --rescan takes over.\n"
	}, {
		.name = "image", .operands = "WHAT IMAGE [TO]", .min_operands = 2, .max_operands = 3,
		.summary = "disk images in chunks: make, convert, look at, check, take apart",
		.options = opts_image, .run = cmd_image,
		.more =
"  aerie image create base --size 20G          an empty disk\n"
"  aerie image create web --base base          a disk that begins as what base is\n"
"  aerie image convert debian.qcow2 base       from raw, qcow2, vmdk, vdi, an image\n"
"  aerie image convert web web.img --to raw    to a plain file\n"
"  aerie image info web                        what lies below what, and how large\n"
"  aerie image check web --seal                compare checksums; --seal makes new ones\n"
"  aerie image split web parts --part 1G       files that fit where they have to go\n"
"  aerie image join parts web\n"
"  aerie image commit web                      write what web has into its base\n\n"
"An image is a folder that --disk takes as it takes a file. Only convert reads the other\n"
"formats, by qemu-img, where the file's name ends so or --from says so. A base must not\n"
"change: an image whose base has changed is refused until check --accept takes it.\n"
	}, {
		.name = "mem", .operands = "[VM]", .max_operands = 1,
		.summary = "what the memory of VMs is: their own, zeroes, shared, saved",
		.options = opts_mem, .run = cmd_mem,
		.more =
"  aerie mem --watch\n\n"
"RESIDENT is the VM's alone; ZERO has only been read, or is zeroes, and takes nothing;\n"
"SHARED is held together with other VMs of its group or twice by itself, which saves it\n"
"SAVED. BROKEN counts pages that were shared and have been written, HASHED those that\n"
"were looked at for duplicates, BORN those that became shared because others of the group\n"
"read the same block of the same image or base. STORED is compressed to PACKED; SWAPPED is\n"
"in swap; ON_DISK was dropped, as a disk of the guest's own has it; LOADED counts pages\n"
"that were brought back. WORKING has been accessed in the last eight looks (--idle).\n"
"BALLOONED is what the guest does without, WANTED what it is to (aerie balloon).\n\n"
"  aerie mem web --limit 512M --reserve 128M\n"
"  aerie mem web --map --svg web.svg\n"
"  aerie mem web --written 10s\n\n"
"--map draws memory in the order of its addresses, each piece as what most of it is, with\n"
"exact figures below; --svg writes the picture to a file, which must not be a device. With\n"
"--json --map prints every run of pages that are alike.\n"
	}, {
		.name = "pool", .operands = "",
		.summary = "how much of the host's memory all VMs together have, and may have",
		.options = opts_pool, .run = cmd_pool,
		.more =
"  aerie pool --limit 4G\n\n"
"Near the limit, what guests have not accessed for long is compressed and leaves memory;\n"
"USED is all that they take, STORE what of it takes what has left, ON_DISK what has left and\n"
"takes nothing, as a disk of the guest's own has it. BALLOONED is what guests do without,\n"
"WANTED what they are to.\n"
	}, {
		.name = "swap", .operands = "[on|off FILE]", .max_operands = 2,
		.summary = "files and block devices that guest memory goes to",
		.options = opts_swap, .run = cmd_swap,
		.more =
"  fallocate -l 8G /var/aerie.swap && chmod 600 /var/aerie.swap\n"
"  aerie swap on /var/aerie.swap\n"
"  aerie swap off /var/aerie.swap              returns when all is back in memory\n\n"
"What has been compressed longest goes there, and what does not get smaller, when memory is\n"
"short (aerie pool). What is in a file on is lost, and it is in use by Aerie alone.\n"
	}, {
		.name = "share", .operands = "[VM]", .max_operands = 1,
		.summary = "how hard duplicate memory is looked for, and who shares with whom",
		.options = opts_share, .run = cmd_share,
		.more =
"  aerie share --budget 10\n"
"  aerie share web\n\n"
"Without a VM, per cent of one processor that may be spent on it, and the VMs by their\n"
"groups (aerie run --share-group); with one, how much it shares with each of its group.\n"
	}, {
		.name = "balloon", .operands = "VM [SIZE|auto]", .min_operands = 1, .max_operands = 2,
		.summary = "how much memory a guest is to do without",
		.options = opts_balloon, .run = cmd_balloon,
		.more =
"  aerie attach web balloon\n"
"  aerie balloon web 1G\n"
"  aerie balloon web 0                         give it all back\n"
"  aerie balloon web auto --max 2G             what the host needs and the guest can spare\n\n"
"WANTED is what was asked for, BALLOONED what the guest's driver says it does without;\n"
"REPORTED counts the free pages that it has let go of by itself so far. The rest is what the\n"
"guest says of its own memory.\n"
	}, {
		.name = "bench", .operands = "",
		.summary = "what each kind of exit costs on this machine, and under KVM",
		.options = opts_bench, .run = cmd_bench,
		.more =
"  aerie bench --kvm\n\n"
"Runs small guests for some seconds. KVM's figures stand beside where /dev/kvm can be\n"
"used; RATIO is Aerie's to KVM's. One of the two holds the processors at a time: stop\n"
"guests of both before. A KVM that holds them without guests keeps Aerie out: load it\n"
"with kvm.enable_virt_at_load=0, or measure it alone by --kvm with our module unloaded.\n"
	}, {
		.name = "top", .operands = "",
		.summary = "what all VMs do, live: processors, exits, memory, I/O",
		.options = opts_top, .run = cmd_top,
		.more =
"  aerie top\n"
"  aerie top --batch -n 5 -d 2s --sort io\n\n"
"On a terminal h says what the keys are, q leaves. --batch needs none: each table is of the\n"
"time since the one before, the first comes after one --delay, and without --rounds they come\n"
"until Ctrl-C. Without --batch it is refused where stdin or stdout is no terminal. CPU% is\n"
"100 for one processor; OUT has left memory; DISK/S and NIC/S are requests that the queues\n"
"of disks and network interfaces have served. It ends with exit status 5 when the module is\n"
"unloaded.\n"
	}, {
		.name = "events", .operands = "",
		.summary = "what happens to VMs, as it happens, until Ctrl-C",
		.options = opts_events, .run = cmd_events,
		.more =
"  aerie events --json\n\n"
"It ends with exit status 5 when the module is unloaded.\n"
	}, {
		.name = "doctor", .operands = "",
		.summary = "can this machine run guests, and if not, why and what to do",
		.options = opts_json, .run = cmd_doctor,
		.more =
"  aerie doctor\n\n"
"Exit status 0: ready; 1: something stands in the way, with the module or without;\n"
"5: nothing does, but the module is not loaded.\n"
	}, {
		.name = "version", .operands = "",
		.summary = "versions of the tool and of the module",
		.options = opts_json, .run = cmd_version,
		.more = "  aerie version\n"
	}, {
		.name = "help", .operands = "[VERB]", .max_operands = 1,
		.summary = "what the verbs are, and what one does",
		.options = opts_plain, .run = cmd_help,
		.more = "  aerie help run\n"
	},
	{ .name = NULL }
};

enum status usage(const struct args *args, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "aerie: %s: ", args->command->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; see aerie help %s\n", args->command->name);
	return STATUS_USAGE;
}

void tell(const struct args *args, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (args_has(args, "quiet"))
		return;
	if (name)
		fprintf(stderr, "%s: ", name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

const char *stop_text(uint32_t kind, const char *reason, char *buf, size_t size)
{
	switch (kind) {
	case AERIE_STOP_NONE:
		snprintf(buf, size, "stopped");
		break;
	case AERIE_STOP_POWEROFF:
		snprintf(buf, size, "stopped, powered off by the guest");
		break;
	case AERIE_STOP_FORCED:
		snprintf(buf, size, "stopped, power cut");
		break;
	default:
		snprintf(buf, size, "stopped: %s", reason);
		break;
	}
	return buf;
}

static enum status no_command(const char *name)
{
	const struct command *guess = command_guess(name);

	if (guess)
		complain(NULL, "no verb '%s', did you mean %s? see aerie help", name, guess->name);
	else
		complain(NULL, "no verb '%s', see aerie help", name);
	return STATUS_USAGE;
}

enum status cmd_help(const struct args *args)
{
	const struct command *command;

	if (!args->nr_operands) {
		help_all();
		return STATUS_OK;
	}
	command = command_find(args->operand[0]);
	if (!command)
		return no_command(args->operand[0]);
	help_command(command);
	return STATUS_OK;
}

/* What was printed must have arrived: a full disk is a failure. */
static enum status flush(enum status status)
{
	if (fflush(stdout) || ferror(stdout)) {
		complain(NULL, "cannot write the output: %s", strerror(errno));
		return status == STATUS_OK ? STATUS_FAILED : status;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;
	const char *verb = argc > 1 ? argv[1] : NULL;
	static struct args args;
	char error[256];

	/* A line is one write, whole between those of others who share the file. */
	setvbuf(stderr, NULL, _IOLBF, BUFSIZ);
	if (!verb) {
		complain(NULL, "a verb is missing, see aerie help");
		return STATUS_USAGE;
	}
	if (!strcmp(verb, "--help") || !strcmp(verb, "-h"))
		verb = "help";
	else if (!strcmp(verb, "--version"))
		verb = "version";
	command = command_find(verb);
	if (!command)
		return no_command(verb);
	if (!args_parse(&args, command, argv + 2, error, sizeof(error))) {
		args.command = command;
		return usage(&args, "%s", error);
	}
	if (args_has(&args, "help")) {
		help_command(command);
		return flush(STATUS_OK);
	}
	return flush(command->run(&args));
}
