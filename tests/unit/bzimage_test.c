// SPDX-License-Identifier: GPL-2.0
/* The bzImage loader: where things go, and every reason to refuse. */
// sources: kmod/boot/load.c kmod/boot/bzimage.c kmod/boot/bootparams.c kmod/boot/multiboot.c kmod/boot/acpi.c kmod/boot/aml.c
#include "ktap.h"
#include "fake_mem.h"
#include "fake_image.h"
#include "boot/loader.h"
#include "uapi.h"

#define MiB		(1ull << 20)
#define SECTS		3
#define CODE_OFF	((SECTS + 1) * 512)
#define CODE_LEN	0x3000
#define LOAD		(16 * MiB)
#define INIT_SIZE	(8 * MiB)

static u8 file[CODE_OFF + CODE_LEN];
static struct setup_header *hdr = (void *)(file + 0x1f1);
static u8 initrd_file[5 * MiB];

static struct aerie_mem mem;
static struct fake_image kernel, initrd;
static struct aerie_boot boot;
static struct aerie_boot_state state;
static struct aerie_why why;

/* A small kernel that is all right, 64 MiB of memory, no initrd. */
static void setup(u64 memory)
{
	size_t i;

	for (i = 0; i < sizeof(file); i++)
		file[i] = i * 7 + (i >> 8);
	memset(hdr, 0, sizeof(*hdr));
	hdr->setup_sects = SECTS;
	hdr->syssize = CODE_LEN / 16;
	hdr->boot_flag = 0xaa55;
	hdr->jump = 0x6aeb;
	hdr->header = 0x53726448;
	hdr->version = 0x020f;
	hdr->loadflags = LOADED_HIGH;
	hdr->initrd_addr_max = 0x7fffffff;
	hdr->kernel_alignment = 2 * MiB;
	hdr->relocatable_kernel = 1;
	hdr->xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G;
	hdr->cmdline_size = 2047;
	hdr->pref_address = LOAD;
	hdr->init_size = INIT_SIZE;
	hdr->setup_data = 0x1234;

	aerie_mem_init(&mem, memory, NULL);
	kernel = fake_image(file, sizeof(file));
	for (i = 0; i < sizeof(initrd_file); i++)
		initrd_file[i] = i * 13 + (i >> 10);
	initrd = fake_image(initrd_file, sizeof(initrd_file));
	boot = (struct aerie_boot) {
		.mem = &mem, .kernel = &kernel.image, .cmdline = "console=ttyS0", .nr_vcpus = 2, .nr_present = 2,
	};
	memset(&why, 0, sizeof(why));
}

#define REFUSED(err, a, text) do {						\
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), err);			\
	EXPECT_EQ(why.attr, a);							\
	EXPECT(why.msg && strstr(why.msg, text));				\
	if (why.msg && !strstr(why.msg, text))					\
		printf("# it says: %s\n", why.msg);				\
	aerie_mem_fini(&mem);							\
} while (0)

TEST(loads_kernel_and_zero_page)
{
	struct boot_params bp;

	setup(64 * MiB);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT(fake_mem_equal(&mem, LOAD, file + CODE_OFF, CODE_LEN));
	EXPECT_EQ(state.long_mode, true);
	EXPECT_EQ(state.rip, LOAD + 0x200);
	EXPECT_EQ(state.rsi, AERIE_BOOT_PARAMS);

	EXPECT_EQ(aerie_mem_read(&mem, state.rsi, &bp, sizeof(bp), GFP_KERNEL), 0);
	EXPECT_EQ(bp.hdr.header, 0x53726448);
	EXPECT_EQ(bp.hdr.type_of_loader, 0xff);
	EXPECT_EQ(bp.hdr.code32_start, LOAD);
	EXPECT_EQ(bp.hdr.ramdisk_size, 0);
	EXPECT_EQ(bp.hdr.setup_data, 0);
	EXPECT_EQ(bp.acpi_rsdp_addr, AERIE_BIOS_START);
	EXPECT(fake_mem_equal(&mem, bp.acpi_rsdp_addr, "RSD PTR ", 8));
	EXPECT(fake_mem_equal(&mem, bp.hdr.cmd_line_ptr, "console=ttyS0", 14));
	EXPECT_EQ(bp.sentinel, 0);
	EXPECT_EQ(fake_mem_value(&mem, 0x40e, 2), 0x9fc0);
	EXPECT_EQ(fake_mem_value(&mem, 0x413, 2), 639);
	aerie_mem_fini(&mem);
}

TEST(maps_all_32_bit_addresses)
{
	u64 addr, entry;

	setup(64 * MiB);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	for (addr = 0; addr < 4096 * MiB; addr += 2 * MiB) {
		entry = fake_mem_value(&mem, state.cr3, 8);
		EXPECT_EQ(entry & 0x83, 3);
		entry = fake_mem_value(&mem, (entry & ~0xfffull) + (addr >> 30) * 8, 8);
		EXPECT_EQ(entry & 0x83, 3);
		entry = fake_mem_value(&mem, (entry & ~0xfffull) + (addr >> 21 & 511) * 8, 8);
		EXPECT_EQ(entry & 0x83, 0x83);
		EXPECT_EQ(entry & ~0xfffull, addr);
	}
	EXPECT_EQ(fake_mem_value(&mem, state.cr3 + 8, 8), 0);
	EXPECT_EQ(state.gdt_limit, 0x1f);
	/* present code segment, 64-bit; present writable data segment */
	EXPECT_EQ(fake_mem_value(&mem, state.gdt_base + 0x10, 8) >> 40 & 0x60ff, 0x209b);
	EXPECT_EQ(fake_mem_value(&mem, state.gdt_base + 0x18, 8) >> 40 & 0x60ff, 0x4093);
	aerie_mem_fini(&mem);
}

TEST(e820_of_small_and_large_memory)
{
	struct boot_e820_entry e[AERIE_E820_MAX];

	setup(64 * MiB);
	EXPECT_EQ(aerie_e820_build(&mem, e), 4);
	EXPECT_EQ(e[0].addr, 0);
	EXPECT_EQ(e[0].size, 0x9fc00);
	EXPECT_EQ(e[0].type, AERIE_E820_RAM);
	EXPECT_EQ(e[1].addr, 0x9fc00);
	EXPECT_EQ(e[1].size, 0x400);
	EXPECT_EQ(e[1].type, AERIE_E820_RESERVED);
	EXPECT_EQ(e[2].addr, AERIE_BIOS_START);
	EXPECT_EQ(e[2].size, 0x20000);
	EXPECT_EQ(e[2].type, AERIE_E820_RESERVED);
	EXPECT_EQ(e[3].addr, MiB);
	EXPECT_EQ(e[3].size, 63 * MiB);
	EXPECT_EQ(e[3].type, AERIE_E820_RAM);
	EXPECT(aerie_e820_usable(&mem, MiB, 63 * MiB));
	EXPECT(!aerie_e820_usable(&mem, MiB, 63 * MiB + 1));
	EXPECT(!aerie_e820_usable(&mem, 0x9fbff, 2));
	EXPECT(!aerie_e820_usable(&mem, AERIE_BIOS_START, 1));
	EXPECT(!aerie_e820_usable(&mem, -1ull, 2));
	EXPECT(!aerie_e820_usable(&mem, 2 * MiB, -1ull));
	aerie_mem_fini(&mem);

	setup(5120 * MiB);
	EXPECT_EQ(aerie_e820_build(&mem, e), 5);
	EXPECT_EQ(e[3].size, 3071 * MiB);
	EXPECT_EQ(e[4].addr, 4096 * MiB);
	EXPECT_EQ(e[4].size, 2048 * MiB);
	EXPECT_EQ(aerie_high_ram_end(&mem), 3072 * MiB);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT_EQ(fake_mem_value(&mem, state.rsi + 0x1e8, 1), 5);
	aerie_mem_fini(&mem);
}

TEST(initrd_goes_to_the_end_of_low_ram)
{
	struct setup_header got;

	setup(64 * MiB);
	initrd.image.size -= 0x123;
	boot.initrd = &initrd.image;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	aerie_mem_read(&mem, state.rsi + 0x1f1, &got, sizeof(got), GFP_KERNEL);
	EXPECT_EQ(got.ramdisk_image, 59 * MiB);
	EXPECT_EQ(got.ramdisk_size, sizeof(initrd_file) - 0x123);
	EXPECT(fake_mem_equal(&mem, 59 * MiB, initrd_file, got.ramdisk_size));
	aerie_mem_fini(&mem);
}

TEST(initrd_stays_below_what_the_kernel_can_reach)
{
	setup(5120 * MiB);
	boot.initrd = &initrd.image;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT_EQ(fake_mem_value(&mem, state.rsi + 0x218, 4), 2048 * MiB - sizeof(initrd_file));
	aerie_mem_fini(&mem);
}

TEST(kernel_and_initrd_may_fill_memory_exactly)
{
	setup(LOAD + INIT_SIZE + sizeof(initrd_file));
	boot.initrd = &initrd.image;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT_EQ(fake_mem_value(&mem, state.rsi + 0x218, 4), LOAD + INIT_SIZE);
	aerie_mem_fini(&mem);
}

TEST(fields_after_the_header_end_are_not_taken)
{
	setup(64 * MiB);
	hdr->jump = (0x264 - 0x202) << 8 | 0xeb;	/* ends with init_size */
	hdr->handover_offset = 0xdead;
	hdr->kernel_info_offset = 0xbeef;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT_EQ(fake_mem_value(&mem, state.rsi + 0x264, 8), 0);
	aerie_mem_fini(&mem);
}

TEST(refuses_what_is_no_kernel)
{
	setup(64 * MiB);
	hdr->header = 0;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "not a kernel");
	setup(64 * MiB);
	hdr->header = 0;
	memcpy(file, "\177ELF", 4);
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "without a multiboot header");
	setup(64 * MiB);
	kernel.image.size = 0;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "not a kernel");
	setup(64 * MiB);
	hdr->syssize = 0x20;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "holds no code");
}

TEST(refuses_truncated_images)
{
	setup(64 * MiB);
	kernel.image.size = sizeof(file) - 1;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup(64 * MiB);
	kernel.image.size = CODE_OFF - 1;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup(64 * MiB);
	kernel.image.size = 0x220;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup(64 * MiB);
	hdr->syssize = 0xffffffff;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup(64 * MiB);
	hdr->setup_sects = 0xff;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
}

TEST(refuses_old_and_other_kernels)
{
	setup(64 * MiB);
	hdr->version = 0x020b;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "too old");
	setup(64 * MiB);
	hdr->xloadflags = 0;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "64-bit");
	setup(64 * MiB);
	hdr->loadflags = 0;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "zImage");
	setup(64 * MiB);
	hdr->jump = 0x40eb;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "header is too short");
	setup(64 * MiB);
	hdr->init_size = CODE_LEN - 1;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "its own size");
}

TEST(refuses_impossible_load_addresses)
{
	static const u64 bad[] = { 0, 0xff000, 17 * MiB + 1, 3072 * MiB, 1ull << 40, -4096ull };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(64 * MiB);
		hdr->pref_address = bad[i];
		REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "load address");
	}
}

TEST(refuses_too_little_memory)
{
	setup(LOAD + INIT_SIZE - 4096);
	REFUSED(-E2BIG, AERIE_A_MEMORY, "memory too small for this kernel");
	setup(1 * MiB);
	REFUSED(-E2BIG, AERIE_A_MEMORY, "memory too small for this kernel");
	setup(64 * MiB);
	hdr->init_size = 0xffffffff;
	REFUSED(-E2BIG, AERIE_A_MEMORY, "memory too small for this kernel");
}

TEST(refuses_bad_initrds)
{
	setup(LOAD + INIT_SIZE + sizeof(initrd_file) - 4096);
	boot.initrd = &initrd.image;
	REFUSED(-E2BIG, AERIE_A_INITRD_FD, "does not fit into memory");
	setup(64 * MiB);
	initrd.image.size = -1ull;
	boot.initrd = &initrd.image;
	REFUSED(-E2BIG, AERIE_A_INITRD_FD, "does not fit into memory");
	setup(64 * MiB);
	boot.initrd = &initrd.image;
	hdr->initrd_addr_max = LOAD + INIT_SIZE + sizeof(initrd_file) - 2;
	REFUSED(-E2BIG, AERIE_A_INITRD_FD, "larger than this kernel takes");
	setup(64 * MiB);
	boot.initrd = &initrd.image;
	hdr->initrd_addr_max = 0;
	REFUSED(-E2BIG, AERIE_A_INITRD_FD, "larger than this kernel takes");
	setup(64 * MiB);
	initrd.image.size = 0;
	boot.initrd = &initrd.image;
	REFUSED(-EINVAL, AERIE_A_INITRD_FD, "empty");
	setup(64 * MiB);
	boot.nr_modules = 1;
	REFUSED(-EINVAL, AERIE_A_MODULE_FDS, "not multiboot modules");
}

TEST(refuses_long_command_lines)
{
	static char line[70000];

	memset(line, 'x', sizeof(line) - 1);
	setup(64 * MiB);
	line[2047] = 0;
	boot.cmdline = line;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT(fake_mem_equal(&mem, AERIE_BOOT_CMDLINE, line, 2048));
	aerie_mem_fini(&mem);

	setup(64 * MiB);
	line[2047] = 'x';
	boot.cmdline = line;
	REFUSED(-E2BIG, AERIE_A_CMDLINE, "longer than this kernel takes");
	setup(64 * MiB);
	hdr->cmdline_size = 0xffffffff;
	boot.cmdline = line;
	REFUSED(-E2BIG, AERIE_A_CMDLINE, "longer than this kernel takes");
}

TEST(passes_on_file_and_memory_errors)
{
	int i, fail = 0;

	setup(64 * MiB);
	kernel.error = -EIO;
	REFUSED(-EIO, AERIE_A_KERNEL_FD, "cannot read");
	setup(64 * MiB);
	initrd.error = -EISDIR;
	boot.initrd = &initrd.image;
	REFUSED(-EISDIR, AERIE_A_INITRD_FD, "cannot read");
	for (i = 1; i < 100; i++) {
		int err;

		setup(64 * MiB);
		fake_mem_fail = i;
		err = aerie_boot_load(&boot, &state, &why);
		EXPECT_EQ(!!err, !!why.msg);
		EXPECT(!err || err == -ENOMEM);
		fail += !!err;
		fake_mem_fail = 0;
		aerie_mem_fini(&mem);
	}
	/* Each page that is populated failed once: kernel, BIOS data, tables. */
	EXPECT(fail > 12 && fail < 99);
}

int shim_fail_alloc;

TEST(passes_on_allocation_failures)
{
	int i, fail = 0;

	for (i = 1; i < 10; i++) {
		int err;

		setup(64 * MiB);
		shim_fail_alloc = i;
		err = aerie_boot_load(&boot, &state, &why);
		EXPECT_EQ(err, why.msg ? -ENOMEM : 0);
		fail += !!err;
		shim_fail_alloc = 0;
		aerie_mem_fini(&mem);
	}
	EXPECT_EQ(fail, 3);	/* ACPI buffer, zero page, page table */
}
