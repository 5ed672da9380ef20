# The targets a person types; the work is done by kbuild, by ctl/Makefile,
# tests/Makefile and by what is in scripts/.

KERNEL ?=
HOST ?= svm
PREFIX ?= /usr/local
DESTDIR ?=

host_headers := /lib/modules/$(shell uname -r)/build
ifeq ($(KERNEL),)
kernel := $(if $(wildcard $(host_headers)/Makefile),host,6.12)
else
kernel := $(KERNEL)
endif

# What test hosts run.
host_kernel := $(or $(KERNEL),6.12)
FUZZ_SECONDS ?= 3600

.PHONY: all
all: module ctl  ## module for the running kernel (else 6.12) and control tool

.PHONY: help
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo '  KERNEL=6.1|6.12|debug|next|DIRECTORY   the kernel to build the module for'
	@echo '  HOST=svm|vmx|svm-bochs                 the test host, scripts/lab --help'

.PHONY: setup
setup:  ## install and download what building and testing need
	scripts/setup

.PHONY: module
module:  ## build/KERNEL/aerie.ko
ifneq ($(kernel),$(or $(KERNEL),host))
	@echo 'no headers of the running kernel at $(host_headers): building for $(kernel)'
endif
	+scripts/build-module $(kernel)

.PHONY: ctl
ctl:  ## build/aerie
	$(MAKE) -C ctl

.PHONY: load
load:  ## load the module into the running kernel
	@[ -e build/host/aerie.ko ] || { echo "build/host/aerie.ko, the module for the running" \
		"kernel, is not built: install linux-headers-$$(uname -r) and run make" >&2; exit 1; }
	insmod build/host/aerie.ko $(ARGS)

.PHONY: unload
unload:  ## and unload it
	rmmod aerie

.PHONY: install
install: ctl  ## module, tool and what goes with it to DESTDIR and PREFIX
	+scripts/build-module --install '$(DESTDIR)' $(or $(KERNEL),host)
	$(MAKE) -C ctl install

.PHONY: demo
demo:  ## guests on a throw-away test host, step by step [HOST=vmx]
	@scripts/demo $(HOST) $(if $(KERNEL),--kernel $(KERNEL))

.PHONY: shell
shell:  ## a shell on a test host with the module loaded [HOST=] [KERNEL=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	@scripts/lab $(HOST) --kernel $(host_kernel) --interactive

.PHONY: guest
guest:  ## build/guest/{vmlinuz,initrd.img}, what guests boot from
	scripts/setup --what lab
	scripts/guest-initramfs

.PHONY: guest-image
guest-image:  ## build/guest/debian.{img,vmlinuz,initrd}, a Debian on a disk
	scripts/guest-image

.PHONY: test
test:  ## everything; the last line counts the tests [STEPS=..., scripts/test-run --list]
	@scripts/setup --quiet || { echo "0 passed, 1 failed, 0 skipped"; exit 1; }
	@scripts/test-run $(STEPS)

.PHONY: check
check:  ## the tests that need no test host
	$(MAKE) -C tests/unit check
	$(MAKE) -C ctl check

.PHONY: lint
lint:  ## static checks
	scripts/lint.sh

.PHONY: selftest
selftest:  ## the tests on a test host [HOST=] [KERNEL=] [TESTS='guest/*']
	@scripts/setup --quiet
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/selftest $(HOST) --kernel $(host_kernel) $(if $(TESTS),-- $(TESTS))

.PHONY: test-debug
test-debug:  ## the same with the debug kernel (hours with HOST=vmx)
	@$(MAKE) -s selftest KERNEL=debug

.PHONY: soak
soak:  ## guest memory checked while all is done to it, debug kernel [SOAK_SECONDS=600]
	@scripts/setup --quiet
	scripts/test-run debug ctl module-debug svm-soak

.PHONY: fuzz
fuzz:  ## all fuzzers, FUZZ_SECONDS each (an hour)
	$(MAKE) -C tests/unit fuzz FUZZ_SECONDS=$(FUZZ_SECONDS)

.PHONY: bench
bench:  ## what exits cost here and with KVM [KERNEL=] [ARGS=--quick]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench --kernel $(host_kernel) $(ARGS)

.PHONY: bench-io
bench-io:  ## disks beside QEMU's virtio-blk under KVM [KERNEL=] [ARGS=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench-devices disk --kernel $(host_kernel) $(ARGS)

.PHONY: bench-share
bench-share:  ## duplicates found in guests' memory, beside ksmd [KERNEL=] [ARGS=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench-share --kernel $(host_kernel) $(ARGS)

.PHONY: bench-net
bench-net:  ## networks beside vhost-net under KVM [KERNEL=] [ARGS=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench-devices net --kernel $(host_kernel) $(ARGS)

.PHONY: bench-fault
bench-fault:  ## faults on guest memory beside KVM [HOST=] [KERNEL=] [ARGS=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench-fault --host $(HOST) --kernel $(host_kernel) $(ARGS)

.PHONY: bench-overcommit
bench-overcommit:  ## more guest memory than there is, beside KVM's swap [KERNEL=] [ARGS=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench-overcommit --kernel $(host_kernel) $(ARGS)

.PHONY: bench-sched
bench-sched:  ## vCPUs scheduled beside the host's scheduler alone, KVM [KERNEL=] [ARGS=]
	@scripts/setup --quiet --what module,ctl,lab
	@$(MAKE) -s module KERNEL=$(host_kernel)
	@$(MAKE) -s ctl
	scripts/bench-sched --kernel $(host_kernel) $(ARGS)

.PHONY: clean
clean:  ## remove what was built (downloads stay in the cache folder)
	rm -rf build
