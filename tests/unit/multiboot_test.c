// SPDX-License-Identifier: GPL-2.0
/* The multiboot loader: ELF and flat images, modules, and every reason to refuse. */
// sources: kmod/boot/load.c kmod/boot/bzimage.c kmod/boot/bootparams.c kmod/boot/multiboot.c kmod/boot/acpi.c kmod/boot/aml.c
#include <linux/elf.h>
#include "ktap.h"
#include "fake_mem.h"
#include "fake_image.h"
#include "boot/loader.h"
#include "uapi.h"

#define MiB	(1ull << 20)
#define MAGIC	0x1badb002u

static u8 file[32768];
static u32 *header;		/* multiboot header in the file */
static Elf32_Ehdr *eh = (void *)file;
static Elf32_Phdr *ph;
static Elf64_Ehdr *eh64 = (void *)file;
static Elf64_Phdr *ph64;

static struct aerie_mem mem;
static struct fake_image kernel, mods[65];
static struct aerie_image *mod_list[65];
static struct aerie_boot boot;
static struct aerie_boot_state state;
static struct aerie_why why;

static void set_header(u32 off, u32 flags)
{
	header = (u32 *)(file + off);
	header[0] = MAGIC;
	header[1] = flags;
	header[2] = -(MAGIC + flags);
}

static void setup(u64 memory)
{
	size_t i;

	for (i = 0; i < sizeof(file); i++)
		file[i] = i * 11 + (i >> 8);
	aerie_mem_init(&mem, memory, NULL);
	kernel = fake_image(file, sizeof(file));
	boot = (struct aerie_boot) {
		.mem = &mem, .kernel = &kernel.image, .modules = mod_list, .nr_vcpus = 1, .nr_present = 1,
	};
	memset(&why, 0, sizeof(why));
}

/* Code from 0x1000 in the file at 1 MiB; data at 2 MiB, mostly clear. */
static void setup_elf32(u64 memory)
{
	setup(memory);
	memset(eh, 0, sizeof(*eh));
	memcpy(eh->e_ident, ELFMAG, SELFMAG);
	eh->e_ident[EI_CLASS] = ELFCLASS32;
	eh->e_ident[EI_DATA] = ELFDATA2LSB;
	eh->e_type = ET_EXEC;
	eh->e_machine = EM_386;
	eh->e_entry = 0xc0100040;
	eh->e_phoff = 64;
	eh->e_phentsize = sizeof(*ph);
	eh->e_phnum = 3;
	ph = (void *)(file + 64);
	memset(ph, 0, 3 * sizeof(*ph));
	ph[0].p_type = PT_NOTE;
	ph[0].p_paddr = 0xffffffff;
	ph[1] = (Elf32_Phdr) {
		.p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = 0xc0100000, .p_paddr = MiB,
		.p_filesz = 0x4000, .p_memsz = 0x4000,
	};
	ph[2] = (Elf32_Phdr) {
		.p_type = PT_LOAD, .p_offset = 0x5004, .p_vaddr = 0xc0200010,
		.p_paddr = 2 * MiB + 0x10, .p_filesz = 0x100, .p_memsz = 0x10000,
	};
	set_header(0x1004, 3);
}

/* All of the file from 0x100 on at 1 MiB + 0x100, clear memory up to 2 MiB. */
static void setup_flat(u64 memory)
{
	setup(memory);
	set_header(0x200, BIT(16) | 2);
	header[3] = MiB + 0x200;	/* header_addr */
	header[4] = MiB + 0x100;	/* load_addr */
	header[5] = 0;			/* load_end_addr */
	header[6] = 2 * MiB;		/* bss_end_addr */
	header[7] = MiB + 0x400;	/* entry_addr */
}

#define REFUSED(err, a, text) do {						\
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), err);			\
	EXPECT_EQ(why.attr, a);							\
	EXPECT(why.msg && strstr(why.msg, text));				\
	if (why.msg && !strstr(why.msg, text))					\
		printf("# it says: %s\n", why.msg);				\
	aerie_mem_fini(&mem);							\
} while (0)

TEST(loads_elf32)
{
	static const u8 zeroes[0x1000];

	setup_elf32(64 * MiB);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT(!why.msg);
	EXPECT(fake_mem_equal(&mem, MiB, file + 0x1000, 0x4000));
	EXPECT(fake_mem_equal(&mem, 2 * MiB + 0x10, file + 0x5004, 0x100));
	EXPECT(fake_mem_equal(&mem, 2 * MiB + 0x110, zeroes, sizeof(zeroes)));
	EXPECT_EQ(state.long_mode, false);
	EXPECT_EQ(state.rip, MiB + 0x40);	/* from virtual to physical */
	EXPECT_EQ(state.rax, 0x2badb002);
	aerie_mem_fini(&mem);
}

TEST(loads_elf64)
{
	setup_elf32(64 * MiB);
	memset(file, 0, 0x400);
	memcpy(eh64->e_ident, ELFMAG, SELFMAG);
	eh64->e_ident[EI_CLASS] = ELFCLASS64;
	eh64->e_ident[EI_DATA] = ELFDATA2LSB;
	eh64->e_type = ET_EXEC;
	eh64->e_machine = EM_X86_64;
	eh64->e_entry = 0xffffffff80100010ull;
	eh64->e_phoff = 0x100;
	eh64->e_phentsize = sizeof(*ph64) + 8;
	eh64->e_phnum = 1;
	ph64 = (void *)(file + 0x100);
	*ph64 = (Elf64_Phdr) {
		.p_type = PT_LOAD, .p_offset = 0x1000, .p_vaddr = 0xffffffff80100000ull,
		.p_paddr = MiB, .p_filesz = 0x2345, .p_memsz = 0x4000,
	};
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT(fake_mem_equal(&mem, MiB, file + 0x1000, 0x2345));
	EXPECT_EQ(state.rip, MiB + 0x10);
	aerie_mem_fini(&mem);
}

TEST(loads_flat)
{
	setup_flat(64 * MiB);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT(fake_mem_equal(&mem, MiB + 0x100, file + 0x100, sizeof(file) - 0x100));
	EXPECT_EQ(state.rip, MiB + 0x400);
	aerie_mem_fini(&mem);

	/* with an end: what is behind it stays in the file */
	setup_flat(64 * MiB);
	header[5] = MiB + 0x1100;
	header[6] = 0;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT(fake_mem_equal(&mem, MiB + 0x100, file + 0x100, 0x1000));
	EXPECT_EQ(fake_mem_value(&mem, MiB + 0x1100, 8), 0);
	aerie_mem_fini(&mem);
}

TEST(addresses_win_over_elf)
{
	setup_elf32(64 * MiB);
	set_header(0x200, BIT(16));
	header[3] = MiB + 0x200;
	header[4] = MiB;
	header[5] = 0;
	header[6] = 0;
	header[7] = MiB + 0x300;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	EXPECT_EQ(state.rip, MiB + 0x300);
	aerie_mem_fini(&mem);
}

TEST(tells_memory_and_command_line)
{
	u32 info, map;

	setup_flat(5120 * MiB);
	boot.cmdline = "one two";
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	info = state.rbx;
	EXPECT_EQ(fake_mem_value(&mem, info, 4), 0x24d);
	EXPECT_EQ(fake_mem_value(&mem, info + 4, 4), 639);
	EXPECT_EQ(fake_mem_value(&mem, info + 8, 4), 3071 * 1024);
	EXPECT(fake_mem_equal(&mem, fake_mem_value(&mem, info + 16, 4), "one two", 8));
	EXPECT_EQ(fake_mem_value(&mem, info + 20, 4), 0);
	EXPECT_EQ(fake_mem_value(&mem, info + 44, 4), 5 * 24);
	map = fake_mem_value(&mem, info + 48, 4);
	EXPECT_EQ(fake_mem_value(&mem, map, 4), 20);
	EXPECT_EQ(fake_mem_value(&mem, map + 4 * 24 + 4, 8), 4096 * MiB);
	EXPECT_EQ(fake_mem_value(&mem, map + 4 * 24 + 12, 8), 2048 * MiB);
	EXPECT_EQ(fake_mem_value(&mem, map + 4 * 24 + 20, 4), 1);
	EXPECT(fake_mem_equal(&mem, fake_mem_value(&mem, info + 64, 4), "Aerie", 6));
	EXPECT(fake_mem_equal(&mem, AERIE_BIOS_START, "RSD PTR ", 8));
	aerie_mem_fini(&mem);
}

TEST(places_modules_behind_the_image)
{
	u32 info, list, i, at;

	setup_flat(64 * MiB);
	for (i = 0; i < 3; i++) {
		mods[i] = fake_image(file + i, i == 1 ? 0 : 5000 + i);
		mod_list[i] = &mods[i].image;
	}
	boot.nr_modules = 3;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	info = state.rbx;
	EXPECT_EQ(fake_mem_value(&mem, info + 20, 4), 3);
	list = fake_mem_value(&mem, info + 24, 4);
	EXPECT_EQ(fake_mem_value(&mem, list, 4), 2 * MiB);
	for (i = 0; i < 3; i++) {
		at = fake_mem_value(&mem, list + i * 16, 4);
		EXPECT_EQ(at % 4096, 0);
		EXPECT_EQ(fake_mem_value(&mem, list + i * 16 + 4, 4) - at, mods[i].image.size);
		EXPECT(fake_mem_equal(&mem, at, mods[i].buf, mods[i].image.size));
	}
	aerie_mem_fini(&mem);
}

TEST(refuses_modules_that_do_not_fit)
{
	u32 i;

	setup_flat(4 * MiB);
	mods[0] = fake_image(file, 2 * MiB + 1);
	mod_list[0] = &mods[0].image;
	boot.nr_modules = 1;
	REFUSED(-E2BIG, AERIE_A_MODULE_FDS, "do not fit");

	setup_flat(4 * MiB);
	for (i = 0; i < 65; i++) {
		mods[i] = fake_image(file, 1);
		mod_list[i] = &mods[i].image;
	}
	boot.nr_modules = 65;
	REFUSED(-E2BIG, AERIE_A_MODULE_FDS, "64");

	setup_flat(4 * MiB);
	mods[1].error = -EIO;
	boot.nr_modules = 2;
	REFUSED(-EIO, AERIE_A_MODULE_FDS, "cannot read");
}

TEST(refuses_initrd_and_long_command_line)
{
	static char line[16385];

	setup_flat(4 * MiB);
	boot.initrd = &kernel.image;
	REFUSED(-EINVAL, AERIE_A_INITRD_FD, "not an initrd");
	memset(line, 'x', sizeof(line) - 1);
	setup_flat(4 * MiB);
	boot.cmdline = line;
	REFUSED(-E2BIG, AERIE_A_CMDLINE, "16 KiB");
	setup_flat(4 * MiB);
	line[16383] = 0;
	boot.cmdline = line;
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	aerie_mem_fini(&mem);
}

TEST(finds_the_header_only_where_it_may_be)
{
	/* the last place that holds the three words */
	setup_elf32(64 * MiB);
	header[0] = 0;
	set_header(8192 - 12, 3);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	aerie_mem_fini(&mem);
	/* ... but not the addresses */
	setup_elf32(64 * MiB);
	header[0] = 0;
	set_header(8192 - 12, BIT(16));
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "cut off");
	/* beyond, misaligned, wrong checksum: no header */
	setup_elf32(64 * MiB);
	header[0] = 0;
	set_header(8192, 3);
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "without a multiboot header");
	setup_elf32(64 * MiB);
	memmove((u8 *)header + 2, header, 12);
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "without a multiboot header");
	setup_elf32(64 * MiB);
	header[2]++;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "without a multiboot header");
}

TEST(refuses_requirements_it_does_not_meet)
{
	setup_elf32(64 * MiB);
	set_header(0x1004, 4);
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "display");
	setup_elf32(64 * MiB);
	set_header(0x1004, BIT(15));
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "something unknown");
	/* optional ones may be unknown */
	setup_elf32(64 * MiB);
	set_header(0x1004, BIT(31) | 3);
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	aerie_mem_fini(&mem);
}

TEST(refuses_bad_addresses_of_flat_images)
{
	setup_flat(64 * MiB);
	header[3] = MiB;			/* header before the image */
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "its own place");
	setup_flat(64 * MiB);
	header[3] = MiB + 0x100 + 0x201;	/* image before the file */
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "its own place");
	setup_flat(64 * MiB);
	header[5] = MiB;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "out of order");
	setup_flat(64 * MiB);
	header[6] = MiB + 0x200;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "out of order");
	setup_flat(64 * MiB);
	header[5] = MiB + 0x100 + sizeof(file);
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup_flat(64 * MiB);
	header[7] = 2 * MiB;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "entry");
	setup_flat(64 * MiB);
	header[7] = MiB;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "entry");
	setup_flat(64 * MiB);
	header[6] = 64 * MiB + 1;
	REFUSED(-E2BIG, AERIE_A_MEMORY, "memory too small");
	setup_flat(64 * MiB);
	header[6] = 0xffffffff;
	REFUSED(-E2BIG, AERIE_A_MEMORY, "memory too small");
}

TEST(refuses_places_that_are_not_free_ram)
{
	static const struct {
		u32 addr;
		const char *text;
	} bad[] = {
		{ 0, "boot information" }, { 0x5fff, "boot information" },
		{ 0x9fb00, "not RAM" }, { 0xa0000, "not RAM" }, { 0xc0000, "not RAM" },
		{ 0xe0000, "not RAM" }, { 0xfffff, "not RAM" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		setup_elf32(64 * MiB);
		ph[2].p_paddr = bad[i].addr;
		REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, bad[i].text);
	}
	setup_elf32(64 * MiB);
	ph[2].p_paddr = 0x10000;	/* low RAM is all right */
	EXPECT_EQ(aerie_boot_load(&boot, &state, &why), 0);
	aerie_mem_fini(&mem);
	setup_elf32(64 * MiB);
	ph[2].p_paddr = 0xfffff000;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "beyond 4 GiB");
	setup_elf32(64 * MiB);
	ph[2].p_paddr = 0xfec00000;
	REFUSED(-E2BIG, AERIE_A_MEMORY, "memory too small");
}

TEST(refuses_broken_segments)
{
	setup_elf32(64 * MiB);
	ph[2].p_paddr = MiB + 0x3fff;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "overlap");
	setup_elf32(64 * MiB);
	ph[1].p_memsz = ph[1].p_filesz - 1;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "larger in the file");
	setup_elf32(64 * MiB);
	ph[1].p_offset = sizeof(file) - 0x3fff;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup_elf32(64 * MiB);
	ph[1].p_offset = -1;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup_elf32(64 * MiB);
	eh->e_phoff = sizeof(file) - 95;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "truncated");
	setup_elf32(64 * MiB);
	eh->e_entry = MiB;		/* physical; the segment's virtual address is another */
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "entry");
	setup_elf32(64 * MiB);
	eh->e_phnum = 0;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "entry");
	setup_elf32(64 * MiB);
	eh->e_phnum = 0xffff;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "too many segments");
}

TEST(refuses_other_elf_files)
{
	setup_elf32(64 * MiB);
	eh->e_machine = EM_X86_64;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "not an ELF file for x86");
	setup_elf32(64 * MiB);
	eh->e_ident[EI_CLASS] = 3;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "not an ELF file for x86");
	setup_elf32(64 * MiB);
	eh->e_ident[EI_DATA] = ELFDATA2MSB;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "not an ELF file for x86");
	setup_elf32(64 * MiB);
	eh->e_type = ET_DYN;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "fixed addresses");
	setup_elf32(64 * MiB);
	eh->e_phentsize = sizeof(*ph) - 1;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "too short");
	setup_elf32(64 * MiB);
	file[0] = 0;
	REFUSED(-ENOEXEC, AERIE_A_KERNEL_FD, "neither ELF");
}

TEST(passes_on_memory_errors)
{
	int i, fail = 0;

	for (i = 1; i < 60; i++) {
		int err;

		setup_elf32(64 * MiB);
		fake_mem_fail = i;
		err = aerie_boot_load(&boot, &state, &why);
		EXPECT_EQ(err, why.msg ? -ENOMEM : 0);
		fail += !!err;
		fake_mem_fail = 0;
		aerie_mem_fini(&mem);
	}
	EXPECT(fail > 8 && fail < 59);
}

int shim_fail_alloc;

TEST(passes_on_allocation_failures)
{
	int i, fail = 0;

	for (i = 1; i < 10; i++) {
		int err;

		setup_elf32(64 * MiB);
		shim_fail_alloc = i;
		err = aerie_boot_load(&boot, &state, &why);
		EXPECT_EQ(err, why.msg ? -ENOMEM : 0);
		fail += !!err;
		shim_fail_alloc = 0;
		aerie_mem_fini(&mem);
	}
	EXPECT_EQ(fail, 4);	/* search twice, segment list, ACPI buffer */
}
