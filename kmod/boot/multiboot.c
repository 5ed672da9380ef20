// SPDX-License-Identifier: GPL-2.0
/*
 * Loads a Multiboot 1 image: flat with an address header, ELF32, or ELF64 with
 * a 32-bit entry (which the specification does not have and GRUB takes).
 *
 * What the image asks for is first turned into a list of segments; each is
 * checked against the file, the guest's usable RAM, the low memory that holds
 * the boot information, and the segments before it. Modules follow the image,
 * each on pages of its own. Memory that is not loaded into is clear already.
 */
#include <linux/align.h>
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "boot/loader.h"
#include "uapi.h"

#define MB_SEARCH	8192u		/* the header is in the first bytes of the file */
#define MB_MAGIC	0x1badb002u
#define MB_LOADER_MAGIC	0x2badb002u	/* in EAX */
#define MB_MUST		0xffffu		/* flags a loader has to know */
#define MB_PAGE_ALIGN	BIT(0)		/* modules are always aligned here */
#define MB_MEMORY_INFO	BIT(1)		/* and memory is always told */
#define MB_VIDEO	BIT(2)
#define MB_ADDRESSES	BIT(16)

struct mb_header {
	u32 magic, flags, checksum;
	/* with MB_ADDRESSES */
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;
};

#define MB_HEADER_MIN	12u		/* up to the checksum */

#define MB_INFO_MEMORY	BIT(0)
#define MB_INFO_CMDLINE	BIT(2)
#define MB_INFO_MODULES	BIT(3)
#define MB_INFO_MMAP	BIT(6)
#define MB_INFO_LOADER	BIT(9)

struct mb_info {
	u32 flags;
	u32 mem_lower, mem_upper;	/* KiB from 0 and from 1 MiB */
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
	u32 drives_length, drives_addr;
	u32 config_table;
	u32 boot_loader_name;
	u32 apm_table;
};

struct mb_module {
	u32 start, end, string, reserved;
};

struct mb_mmap {
	u32 size;			/* of what follows */
	u64 addr, len;
	u32 type;
} __packed;

/* The boot information in low memory; no image may be loaded there. */
#define INFO_GPA	0x1000u
#define LOADER_GPA	0x1100u
#define MMAP_GPA	0x1200u
#define MODULES_GPA	0x1800u
#define MAX_MODULES	64u
#define CMDLINE_GPA	0x2000u
#define INFO_END	0x6000u
#define CMDLINE_MAX	(INFO_END - CMDLINE_GPA)

#define MAX_SEGMENTS	32u

struct mb_segment {
	u64 off, file_len;
	u64 gpa, mem_len;
};

struct mb_image {
	struct mb_header header;
	u32 header_off;
	u32 entry;
	u32 nr;
	struct mb_segment seg[MAX_SEGMENTS];
};

static int bad_kernel(struct aerie_why *why, const char *msg)
{
	return aerie_refuse(why, -ENOEXEC, AERIE_A_KERNEL_FD, msg);
}

static int read_kernel(struct aerie_image *kernel, u64 off, void *buf, size_t len,
		       struct aerie_why *why)
{
	int err;

	if (off > kernel->size || len > kernel->size - off)
		return bad_kernel(why, "the kernel image is truncated");
	err = kernel->read(kernel, off, buf, len);
	if (err)
		return aerie_refuse(why, err, AERIE_A_KERNEL_FD, "cannot read the file");
	return 0;
}

/* Offset of the header in the file, -ENOENT, or another error. */
static s64 find_header(struct aerie_image *kernel)
{
	u32 len = min_t(u64, kernel->size, MB_SEARCH);
	const struct mb_header *header;
	s64 found = -ENOENT;
	u32 off;
	u8 *buf;
	int err;

	if (len < MB_HEADER_MIN)
		return -ENOENT;
	buf = kmalloc(MB_SEARCH, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = kernel->read(kernel, 0, buf, len);
	if (err)
		found = err;
	for (off = 0; !err && off <= len - MB_HEADER_MIN; off += 4) {
		header = (const void *)(buf + off);
		if (header->magic == MB_MAGIC &&
		    header->magic + header->flags + header->checksum == 0) {
			found = off;
			break;
		}
	}
	kfree(buf);
	return found;
}

int aerie_multiboot_probe(struct aerie_image *kernel)
{
	s64 off = find_header(kernel);

	if (off == -ENOENT)
		return 0;
	return off < 0 ? off : 1;
}

/* Add a segment after checking it; an empty one is left out. */
static int add_segment(const struct aerie_boot *boot, struct mb_image *img,
		       const struct mb_segment *seg, struct aerie_why *why)
{
	u64 end = seg->gpa + seg->mem_len;
	u32 i;

	if (!seg->mem_len)
		return 0;
	if (seg->file_len > seg->mem_len)
		return bad_kernel(why, "a segment of the kernel is larger in the file than in memory");
	if (seg->off > boot->kernel->size || seg->file_len > boot->kernel->size - seg->off)
		return bad_kernel(why, "the kernel image is truncated");
	if (end < seg->gpa || end > AERIE_PCI_HOLE_END)
		return bad_kernel(why, "the kernel asks for a load address beyond 4 GiB");
	if (seg->gpa < INFO_END)
		return bad_kernel(why, "the kernel asks for memory that holds the boot information");
	if (!aerie_e820_usable(boot->mem, seg->gpa, seg->mem_len)) {
		if (seg->gpa >= AERIE_HIGH_RAM && end > aerie_high_ram_end(boot->mem))
			return aerie_refuse(why, -E2BIG, AERIE_A_MEMORY,
					    "memory too small for this kernel");
		return bad_kernel(why, "the kernel asks for memory that is not RAM");
	}
	for (i = 0; i < img->nr; i++) {
		if (seg->gpa < img->seg[i].gpa + img->seg[i].mem_len && img->seg[i].gpa < end)
			return bad_kernel(why, "segments of the kernel overlap");
	}
	if (img->nr == MAX_SEGMENTS)
		return bad_kernel(why, "the kernel has too many segments");
	img->seg[img->nr++] = *seg;
	return 0;
}

/* The header says where everything goes; so it is even for an ELF file. */
static int parse_flat(const struct aerie_boot *boot, struct mb_image *img, struct aerie_why *why)
{
	const struct mb_header *h = &img->header;
	struct mb_segment seg = { .gpa = h->load_addr };

	if (h->header_addr < h->load_addr || h->header_addr - h->load_addr > img->header_off)
		return bad_kernel(why, "the multiboot header contradicts its own place");
	seg.off = img->header_off - (h->header_addr - h->load_addr);
	if (h->load_end_addr && h->load_end_addr <= h->load_addr)
		return bad_kernel(why, "the multiboot header's addresses are out of order");
	seg.file_len = h->load_end_addr ? h->load_end_addr - h->load_addr :
					  boot->kernel->size - seg.off;
	seg.mem_len = seg.file_len;
	if (h->bss_end_addr) {
		if (h->bss_end_addr < h->load_addr + seg.file_len)
			return bad_kernel(why, "the multiboot header's addresses are out of order");
		seg.mem_len = h->bss_end_addr - h->load_addr;
	}
	if (h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= seg.mem_len)
		return bad_kernel(why, "the kernel's entry is outside of it");
	img->entry = h->entry_addr;
	return add_segment(boot, img, &seg, why);
}

/* What the two ELF classes have in common, widened. */
struct elf_file {
	bool is64;
	u64 entry, phoff;
	u32 phentsize, phnum;
};

static int read_elf(const struct aerie_boot *boot, struct elf_file *elf, struct aerie_why *why)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr h32;
		Elf64_Ehdr h64;
	} e;
	u16 type, machine;
	int err;

	memset(&e, 0, sizeof(e));
	err = read_kernel(boot->kernel, 0, &e, min_t(u64, sizeof(e), boot->kernel->size), why);
	if (err)
		return err;
	if (memcmp(e.ident, ELFMAG, SELFMAG))
		return bad_kernel(why, "a multiboot image that is neither ELF nor has load addresses");
	if (e.ident[EI_DATA] != ELFDATA2LSB ||
	    (e.ident[EI_CLASS] != ELFCLASS32 && e.ident[EI_CLASS] != ELFCLASS64))
		return bad_kernel(why, "not an ELF file for x86");
	elf->is64 = e.ident[EI_CLASS] == ELFCLASS64;
	if (elf->is64) {
		type = e.h64.e_type;
		machine = e.h64.e_machine;
		elf->entry = e.h64.e_entry;
		elf->phoff = e.h64.e_phoff;
		elf->phentsize = e.h64.e_phentsize;
		elf->phnum = e.h64.e_phnum;
	} else {
		type = e.h32.e_type;
		machine = e.h32.e_machine;
		elf->entry = e.h32.e_entry;
		elf->phoff = e.h32.e_phoff;
		elf->phentsize = e.h32.e_phentsize;
		elf->phnum = e.h32.e_phnum;
	}
	if (machine != (elf->is64 ? EM_X86_64 : EM_386))
		return bad_kernel(why, "not an ELF file for x86");
	if (type != ET_EXEC)
		return bad_kernel(why, "the ELF file is not an executable with fixed addresses");
	if (elf->phentsize < (elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return bad_kernel(why, "the ELF file's program headers are too short");
	if (elf->phnum > 4 * MAX_SEGMENTS)
		return bad_kernel(why, "the kernel has too many segments");
	return 0;
}

/* Program header @i; its p_vaddr only serves to find the entry. */
static int read_phdr(const struct aerie_boot *boot, const struct elf_file *elf, u32 i,
		     Elf64_Phdr *ph, struct aerie_why *why)
{
	u64 off = elf->phoff + (u64)i * elf->phentsize;
	Elf32_Phdr ph32;
	int err;

	if (off < elf->phoff)
		return bad_kernel(why, "the kernel image is truncated");
	if (elf->is64)
		return read_kernel(boot->kernel, off, ph, sizeof(*ph), why);
	err = read_kernel(boot->kernel, off, &ph32, sizeof(ph32), why);
	if (err)
		return err;
	*ph = (Elf64_Phdr) {
		.p_type = ph32.p_type,
		.p_offset = ph32.p_offset,
		.p_vaddr = ph32.p_vaddr,
		.p_paddr = ph32.p_paddr,
		.p_filesz = ph32.p_filesz,
		.p_memsz = ph32.p_memsz,
	};
	return 0;
}

static int parse_elf(const struct aerie_boot *boot, struct mb_image *img, struct aerie_why *why)
{
	struct elf_file elf;
	bool has_entry = false;
	u32 i;
	int err;

	err = read_elf(boot, &elf, why);
	for (i = 0; !err && i < elf.phnum; i++) {
		struct mb_segment seg;
		Elf64_Phdr ph;

		err = read_phdr(boot, &elf, i, &ph, why);
		if (err || ph.p_type != PT_LOAD)
			continue;
		seg.off = ph.p_offset;
		seg.file_len = ph.p_filesz;
		seg.gpa = ph.p_paddr;
		seg.mem_len = ph.p_memsz;
		err = add_segment(boot, img, &seg, why);
		/* The entry is a virtual address; paging is off, so GRUB converts it. */
		if (!err && elf.entry >= ph.p_vaddr && elf.entry - ph.p_vaddr < ph.p_memsz) {
			img->entry = seg.gpa + (elf.entry - ph.p_vaddr);
			has_entry = true;
		}
	}
	if (!err && !has_entry)
		return bad_kernel(why, "the kernel's entry is outside of it");
	return err;
}

static int parse(const struct aerie_boot *boot, struct mb_image *img, struct aerie_why *why)
{
	struct mb_header *h = &img->header;
	s64 off = find_header(boot->kernel);
	int err;

	if (off == -ENOENT)
		return bad_kernel(why, "not a multiboot image");
	if (off == -ENOMEM)
		return aerie_boot_mem_error(why, off);
	if (off < 0)
		return aerie_refuse(why, off, AERIE_A_KERNEL_FD, "cannot read the file");
	img->header_off = off;
	err = read_kernel(boot->kernel, off, h, MB_HEADER_MIN, why);
	if (err)
		return err;
	if (h->flags & MB_VIDEO)
		return bad_kernel(why, "the multiboot kernel wants a display; there is none");
	if (h->flags & MB_MUST & ~(MB_PAGE_ALIGN | MB_MEMORY_INFO))
		return bad_kernel(why, "the multiboot kernel needs something unknown of its loader");
	if (!(h->flags & MB_ADDRESSES))
		return parse_elf(boot, img, why);
	if (off + sizeof(*h) > MB_SEARCH)
		return bad_kernel(why, "the multiboot header is cut off at 8 KiB");
	err = read_kernel(boot->kernel, off, h, sizeof(*h), why);
	return err ?: parse_flat(boot, img, why);
}

/* Everything that has a say has been asked: put the image into memory. */
static int place_image(const struct aerie_boot *boot, const struct mb_image *img,
		       struct aerie_why *why)
{
	int err = 0;
	u32 i;

	for (i = 0; i < img->nr && !err; i++)
		err = aerie_boot_place(boot->mem, boot->kernel, img->seg[i].off, img->seg[i].gpa,
				       img->seg[i].file_len, AERIE_A_KERNEL_FD, why);
	return err;
}

static int place_modules(const struct aerie_boot *boot, const struct mb_image *img,
			 struct aerie_why *why)
{
	u64 top = aerie_high_ram_end(boot->mem);
	u64 gpa = AERIE_HIGH_RAM;
	u32 i;

	if (boot->nr_modules > MAX_MODULES)
		return aerie_refuse(why, -E2BIG, AERIE_A_MODULE_FDS, "more than 64 modules");
	for (i = 0; i < img->nr; i++) {
		if (img->seg[i].gpa < top)
			gpa = max(gpa, img->seg[i].gpa + img->seg[i].mem_len);
	}
	for (i = 0; i < boot->nr_modules; i++) {
		struct aerie_image *file = boot->modules[i];
		struct mb_module module;
		int err;

		gpa = ALIGN(gpa, PAGE_SIZE);
		if (gpa > top || file->size > top - gpa)
			return aerie_refuse(why, -E2BIG, AERIE_A_MODULE_FDS,
					    "the modules do not fit into memory beside the kernel");
		err = aerie_boot_place(boot->mem, file, 0, gpa, file->size, AERIE_A_MODULE_FDS,
				       why);
		if (err)
			return err;
		module = (struct mb_module) { .start = gpa, .end = gpa + file->size };
		err = aerie_mem_write(boot->mem, MODULES_GPA + i * sizeof(module), &module,
				      sizeof(module), GFP_KERNEL);
		if (err)
			return aerie_boot_mem_error(why, err);
		gpa += file->size;
	}
	return 0;
}

/* Write the memory map; returns its length in bytes. */
static int write_mmap(struct aerie_mem *mem)
{
	struct boot_e820_entry table[AERIE_E820_MAX];
	struct mb_mmap map[AERIE_E820_MAX];
	u32 i, n = aerie_e820_build(mem, table);
	int err;

	BUILD_BUG_ON(MMAP_GPA + sizeof(map) > MODULES_GPA);
	BUILD_BUG_ON(MODULES_GPA + MAX_MODULES * sizeof(struct mb_module) > CMDLINE_GPA);
	for (i = 0; i < n; i++)
		map[i] = (struct mb_mmap) {
			.size = sizeof(map[i]) - sizeof(map[i].size),
			.addr = table[i].addr,
			.len = table[i].size,
			.type = table[i].type,
		};
	err = aerie_mem_write(mem, MMAP_GPA, map, n * sizeof(map[0]), GFP_KERNEL);
	return err ?: n * sizeof(map[0]);
}

static int write_info(const struct aerie_boot *boot)
{
	static const char loader[] = "Aerie";
	const char *cmdline = boot->cmdline ?: "";
	struct mb_info info = {
		.flags = MB_INFO_MEMORY | MB_INFO_CMDLINE | MB_INFO_MODULES | MB_INFO_MMAP |
			 MB_INFO_LOADER,
		.mem_lower = AERIE_EBDA_START >> 10,
		.mem_upper = (aerie_high_ram_end(boot->mem) - AERIE_HIGH_RAM) >> 10,
		.cmdline = CMDLINE_GPA,
		.mods_count = boot->nr_modules,
		.mods_addr = MODULES_GPA,
		.mmap_addr = MMAP_GPA,
		.boot_loader_name = LOADER_GPA,
	};
	int err;

	err = write_mmap(boot->mem);
	if (err < 0)
		return err;
	info.mmap_length = err;
	err = aerie_mem_write(boot->mem, LOADER_GPA, loader, sizeof(loader), GFP_KERNEL);
	if (!err)
		err = aerie_mem_write(boot->mem, CMDLINE_GPA, cmdline, strlen(cmdline) + 1,
				      GFP_KERNEL);
	if (!err)
		err = aerie_mem_write(boot->mem, INFO_GPA, &info, sizeof(info), GFP_KERNEL);
	return err;
}

int aerie_multiboot_load(const struct aerie_boot *boot, struct aerie_boot_state *state,
			 struct aerie_why *why)
{
	struct mb_image *img;
	s64 rsdp;
	int err;

	if (boot->initrd)
		return aerie_refuse(why, -EINVAL, AERIE_A_INITRD_FD,
				    "a multiboot kernel takes modules, not an initrd");
	if (boot->cmdline && strlen(boot->cmdline) >= CMDLINE_MAX)
		return aerie_refuse(why, -E2BIG, AERIE_A_CMDLINE,
				    "the command line is longer than 16 KiB");
	img = kzalloc(sizeof(*img), GFP_KERNEL);
	if (!img)
		return aerie_boot_mem_error(why, -ENOMEM);
	err = parse(boot, img, why);
	if (!err)
		err = place_image(boot, img, why);
	if (!err)
		err = place_modules(boot, img, why);
	state->rip = img->entry;
	kfree(img);
	if (err)
		return err;

	rsdp = aerie_boot_firmware(boot, why);
	if (rsdp < 0)
		return rsdp;
	err = write_info(boot);
	if (err)
		return aerie_boot_mem_error(why, err);
	state->rax = MB_LOADER_MAGIC;
	state->rbx = INFO_GPA;
	return 0;
}
