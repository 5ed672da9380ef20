// SPDX-License-Identifier: GPL-2.0
/*
 * The ACPI tables: found, complete and true; and, where ACPICA's tools are
 * installed, understood by its compiler and interpreter.
 */
// sources: kmod/boot/acpi.c kmod/boot/aml.c
#define _GNU_SOURCE
#include <sys/wait.h>
#include <unistd.h>
#include "ktap.h"
#include "fake_mem.h"
#include "boot/aml.h"
#include "boot/boot.h"
#include "dev/chips.h"
#include "dev/pci.h"

static struct aerie_mem mem;
static u8 bios[AERIE_BIOS_END - AERIE_BIOS_START];

static void build_of(u32 nr_vcpus, u32 nr_present)
{
	aerie_mem_init(&mem, 64ull << 20, NULL);
	EXPECT_EQ(aerie_acpi_build(&mem, nr_vcpus, nr_present), AERIE_BIOS_START);
	aerie_mem_read(&mem, AERIE_BIOS_START, bios, sizeof(bios), GFP_KERNEL);
	aerie_mem_fini(&mem);
}

static void build(u32 nr_vcpus)
{
	build_of(nr_vcpus, nr_vcpus);
}

static u64 get(const u8 *p, unsigned int size)
{
	u64 val = 0;

	memcpy(&val, p, size);
	return val;
}

static u8 sum(const u8 *p, u32 len)
{
	u8 s = 0;

	while (len--)
		s += *p++;
	return s;
}

static u8 *at(u64 gpa)
{
	if (gpa < AERIE_BIOS_START || gpa >= AERIE_BIOS_END)
		abort();
	return bios + (gpa - AERIE_BIOS_START);
}

/* The table with this signature, found through the XSDT; checked. */
static u8 *table(const char *signature)
{
	u8 *xsdt = at(get(bios + 24, 8)), *t;
	u32 i, n = (get(xsdt + 4, 4) - 36) / 8;

	for (i = 0; i < n; i++) {
		t = at(get(xsdt + 36 + i * 8, 8));
		if (!memcmp(t, signature, 4)) {
			EXPECT_EQ(sum(t, get(t + 4, 4)), 0);
			return t;
		}
	}
	printf("# no table %s\n", signature);
	abort();
}

TEST(roots_lead_to_the_same_tables)
{
	u8 *rsdt, *xsdt;
	u32 i;

	build(1);
	EXPECT(!memcmp(bios, "RSD PTR ", 8));
	EXPECT_EQ(sum(bios, 20), 0);
	EXPECT_EQ(sum(bios, 36), 0);
	EXPECT_EQ(bios[15], 2);
	rsdt = at(get(bios + 16, 4));
	xsdt = at(get(bios + 24, 8));
	EXPECT(!memcmp(rsdt, "RSDT", 4));
	EXPECT(!memcmp(xsdt, "XSDT", 4));
	EXPECT_EQ(sum(rsdt, get(rsdt + 4, 4)), 0);
	EXPECT_EQ(sum(xsdt, get(xsdt + 4, 4)), 0);
	EXPECT_EQ(get(rsdt + 4, 4), 36 + 3 * 4);
	EXPECT_EQ(get(xsdt + 4, 4), 36 + 3 * 8);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(get(rsdt + 36 + i * 4, 4), get(xsdt + 36 + i * 8, 8));
}

TEST(fadt_describes_the_machine)
{
	u8 *fadt;

	build(1);
	fadt = table("FACP");
	EXPECT_EQ(get(fadt + 4, 4), 276);
	EXPECT_EQ(fadt[8], 6);
	EXPECT_EQ(get(fadt + 36, 4) % 64, 0);
	EXPECT(!memcmp(at(get(fadt + 36, 4)), "FACS", 4));
	EXPECT_EQ(get(at(get(fadt + 36, 4)) + 4, 4), 64);
	EXPECT_EQ(get(fadt + 132, 8), 0);		/* X_FACS: not both */
	EXPECT(!memcmp(at(get(fadt + 40, 4)), "DSDT", 4));
	EXPECT_EQ(get(fadt + 140, 8), get(fadt + 40, 4));
	EXPECT_EQ(get(fadt + 46, 2), 9);		/* SCI */
	EXPECT_EQ(get(fadt + 48, 4), 0);		/* no SMI */
	EXPECT_EQ(get(fadt + 56, 4), 0x600);
	EXPECT_EQ(get(fadt + 64, 4), 0x604);
	EXPECT_EQ(get(fadt + 76, 4), 0x608);
	EXPECT_EQ(get(fadt + 88, 4), 0x04000204);	/* lengths */
	EXPECT_EQ(get(fadt + 80, 4), AERIE_GPE0_PORT);
	EXPECT_EQ(get(fadt + 84, 4), AERIE_GPE1_PORT);
	EXPECT_EQ(get(fadt + 92, 3), 0x080202);		/* a byte each of status and enable bits */
	EXPECT_EQ(get(fadt + 220 + 4, 8), AERIE_GPE0_PORT);
	EXPECT_EQ(get(fadt + 232 + 4, 8), AERIE_GPE1_PORT);
	EXPECT_EQ(fadt[131], 3);			/* 6.3: processors may be online capable */
	EXPECT_EQ(get(fadt + 109, 2), 5);		/* legacy, no 8042, no VGA, RTC */
	EXPECT_EQ(get(fadt + 112, 4) & BIT(4), 0);	/* power button in fixed hardware */
	EXPECT_EQ(get(fadt + 112, 4) & BIT(20), 0);	/* not hardware-reduced */
	EXPECT_EQ(get(fadt + 112, 4) & 0x520, 0x520);	/* 32-bit timer, reset, no sleep button */
	EXPECT_EQ(fadt[116], 1);			/* reset register: a port */
	EXPECT_EQ(get(fadt + 120, 8), 0xcf9);
	EXPECT_EQ(fadt[128], 6);
	EXPECT_EQ(get(fadt + 148 + 4, 8), 0x600);
	EXPECT_EQ(get(fadt + 172 + 4, 8), 0x604);
	EXPECT_EQ(get(fadt + 208 + 4, 8), 0x608);
}

static void expect_madt(u32 nr_vcpus, u32 nr_present)
{
	u8 *madt, *p, *end;
	u32 cpus = 0, seen = 0;

	build_of(nr_vcpus, nr_present);
	madt = table("APIC");
	EXPECT_EQ(get(madt + 36, 4), 0xfee00000);
	EXPECT_EQ(get(madt + 40, 4), 1);
	end = madt + get(madt + 4, 4);
	for (p = madt + 44; p < end; p += p[1]) {
		switch (p[0]) {
		case 0:
			/* Enabled, or capable of going online. */
			EXPECT_EQ(get(p, 4), 0x800 | cpus << 16 | cpus << 24);
			EXPECT_EQ(get(p + 4, 4), cpus < nr_present ? 1 : 2);
			cpus++;
			break;
		case 1:
			EXPECT_EQ(p[1], 12);
			EXPECT_EQ(get(p + 4, 8), 0xfec00000);
			seen += 1;
			break;
		case 2:
			EXPECT_EQ(p[1], 10);
			EXPECT_EQ(get(p + 4, 4), p[3] == 9 ? 9 : 2);
			EXPECT_EQ(get(p + 8, 2), p[3] == 9 ? 0xd : 0);
			seen += p[3] == 9 ? 0x10 : 0x100;
			break;
		case 4:
			EXPECT_EQ(get(p, 6), 0x010000ff0604ull);
			seen += 0x1000;
			break;
		default:
			EXPECT_EQ(p[0], 0);
		}
		if (!p[1])
			abort();
	}
	EXPECT(p == end);
	EXPECT_EQ(cpus, nr_vcpus);
	EXPECT_EQ(seen, 0x1111);
}

TEST(madt_lists_processors_and_interrupt_routing)
{
	expect_madt(1, 1);
	expect_madt(64, 64);
	expect_madt(64, 1);
	expect_madt(4, 3);
}

TEST(mcfg_says_where_configuration_space_is)
{
	u8 *mcfg;

	build(1);
	mcfg = table("MCFG");
	EXPECT_EQ(get(mcfg + 4, 4), 36 + 8 + 16);	/* one segment */
	EXPECT_EQ(get(mcfg + 36, 8), 0);
	EXPECT_EQ(get(mcfg + 44, 8), AERIE_PCI_ECAM_BASE);
	EXPECT_EQ(get(mcfg + 52, 2), 0);
	/* Buses 0 to 0 take all of it. */
	EXPECT_EQ(mcfg[54], 0);
	EXPECT_EQ((mcfg[55] + 1u) << 20, AERIE_PCI_ECAM_LEN);
	EXPECT_EQ(get(mcfg + 56, 4), 0);
	/* Neither range is RAM, and they do not overlap. */
	EXPECT(AERIE_PCI_MMIO_BASE >= AERIE_PCI_HOLE_START);
	EXPECT(AERIE_PCI_MMIO_BASE + AERIE_PCI_MMIO_LEN <= AERIE_PCI_ECAM_BASE);
	EXPECT(AERIE_PCI_ECAM_BASE + AERIE_PCI_ECAM_LEN <= AERIE_IOAPIC_BASE);
}

/* A reader of AML as far as the DSDT goes; aborts where it is none. */
struct reader {
	const u8 *p, *end;
};

static u64 eat(struct reader *r, unsigned int size)
{
	u64 val;

	if (r->end - r->p < size)
		abort();
	val = get(r->p, size);
	r->p += size;
	return val;
}

/* PkgLength: what it covers. */
static struct reader content(struct reader *r)
{
	const u8 *start = r->p;
	u32 first = eat(r, 1), extra = first >> 6, i, len;
	struct reader in;

	len = extra ? first & 0xf : first;
	for (i = 0; i < extra; i++)
		len |= (u32)eat(r, 1) << (4 + 8 * i);
	if (len > r->end - start)
		abort();
	in = (struct reader) { r->p, start + len };
	r->p = in.end;
	return in;
}

static u64 integer(struct reader *r)
{
	switch (eat(r, 1)) {
	case 0x00:
		return 0;
	case 0x01:
		return 1;
	case 0x0a:
		return eat(r, 1);
	case 0x0b:
		return eat(r, 2);
	case 0x0c:
		return eat(r, 4);
	}
	abort();
}

/* What follows Name(@name in @in, or what Device(@name holds, wherever it is. */
static struct reader find(struct reader in, const char *name, bool device)
{
	u8 want[6] = { 0x08 };

	memcpy(want + 1, name, 4);
	for (; in.end - in.p >= 5; in.p++) {
		struct reader at = { in.p + 5, in.end };

		if (!device && !memcmp(in.p, want, 5))
			return at;
		if (device && in.p[0] == 0x5b && in.p[1] == 0x82) {
			at.p = in.p + 2;
			at = content(&at);
			if (!memcmp(at.p, name, 4)) {
				at.p += 4;
				return at;
			}
		}
	}
	printf("# no %s\n", name);
	abort();
}

/* A buffer: its size says how many bytes there are. */
static struct reader buffer(struct reader r)
{
	struct reader in;

	EXPECT_EQ(eat(&r, 1), 0x11);
	in = content(&r);
	EXPECT_EQ(integer(&in), in.end - in.p);
	return in;
}

static struct reader dsdt(void)
{
	u8 *t = at(get(table("FACP") + 40, 4));

	EXPECT_EQ(sum(t, get(t + 4, 4)), 0);
	return (struct reader) { t + 36, t + get(t + 4, 4) };
}

static void expect_eisa_id(struct reader r, u32 id)
{
	EXPECT_EQ(integer(&r), id);
}

TEST(pci_host_bridge_hands_on_its_window)
{
	struct reader host, crs;

	build(3);
	host = find(dsdt(), "PCI0", true);
	expect_eisa_id(find(host, "_HID", false), 0x080ad041);	/* PNP0A08 */
	expect_eisa_id(find(host, "_CID", false), 0x030ad041);	/* PNP0A03 */
	crs = buffer(find(host, "_CRS", false));
	EXPECT_EQ(eat(&crs, 1), 0x88);				/* bus numbers, words */
	EXPECT_EQ(eat(&crs, 2), 13);
	EXPECT_EQ(eat(&crs, 3), 0x000c02);			/* fixed; this side produces */
	EXPECT_EQ(eat(&crs, 8), 0);				/* 0 to 0, as they are */
	EXPECT_EQ(eat(&crs, 2), 1);
	EXPECT_EQ(eat(&crs, 8), 0x08000cf80cf80147ull);
	EXPECT_EQ(eat(&crs, 1), 0x87);				/* memory, double words */
	EXPECT_EQ(eat(&crs, 2), 23);
	EXPECT_EQ(eat(&crs, 3), 0x010c00);
	EXPECT_EQ(eat(&crs, 4), 0);
	EXPECT_EQ(eat(&crs, 4), AERIE_PCI_MMIO_BASE);
	EXPECT_EQ(eat(&crs, 4), AERIE_PCI_MMIO_BASE + AERIE_PCI_MMIO_LEN - 1);
	EXPECT_EQ(eat(&crs, 4), 0);
	EXPECT_EQ(eat(&crs, 4), AERIE_PCI_MMIO_LEN);
	EXPECT_EQ(eat(&crs, 2), 0x0079);			/* the end */
	EXPECT(crs.p == crs.end);
}

TEST(pci_interrupts_of_every_slot_are_routed)
{
	struct reader prt, list, entry;
	u32 slot;

	build(3);
	prt = find(find(dsdt(), "PCI0", true), "_PRT", false);
	EXPECT_EQ(eat(&prt, 1), 0x12);
	list = content(&prt);
	EXPECT_EQ(eat(&list, 1), AERIE_PCI_SLOTS - 1);
	for (slot = 1; slot < AERIE_PCI_SLOTS; slot++) {
		EXPECT_EQ(eat(&list, 1), 0x12);
		entry = content(&list);
		EXPECT_EQ(eat(&entry, 1), 4);
		EXPECT_EQ(integer(&entry), slot << 16 | 0xffff);
		EXPECT_EQ(integer(&entry), 0);		/* pin A */
		EXPECT_EQ(integer(&entry), 0);		/* no link device */
		EXPECT_EQ(integer(&entry), AERIE_PCI_GSI(slot));
		EXPECT(entry.p == entry.end);
	}
	EXPECT(list.p == list.end);
}

TEST(ecam_is_reserved_by_a_device_of_its_own)
{
	struct reader ecam, crs;

	build(3);
	ecam = find(dsdt(), "ECAM", true);
	expect_eisa_id(find(ecam, "_HID", false), 0x020cd041);	/* PNP0C02 */
	crs = buffer(find(ecam, "_CRS", false));
	EXPECT_EQ(eat(&crs, 4), 0x01000986);			/* memory, fixed, writable */
	EXPECT_EQ(eat(&crs, 4), AERIE_PCI_ECAM_BASE);
	EXPECT_EQ(eat(&crs, 4), AERIE_PCI_ECAM_LEN);
	EXPECT_EQ(eat(&crs, 2), 0x0079);
	EXPECT(crs.p == crs.end);
}

TEST(processors_are_described_as_they_are_when_there)
{
	struct reader cpus, cpu, mat;
	char name[5];
	u32 id;

	build_of(64, 1);
	cpus = find(dsdt(), "CPUS", true);
	for (id = 0; id < 64; id++) {
		snprintf(name, sizeof(name), "C%03u", id);
		cpu = find(cpus, name, true);
		mat = find(cpu, "_UID", false);
		EXPECT_EQ(integer(&mat), id);
		mat = buffer(find(cpu, "_MAT", false));
		EXPECT_EQ(eat(&mat, 8), 0x100000800ull | (u64)id << 16 | (u64)id << 24);
		EXPECT(mat.p == mat.end);
		/* The first has neither _STA nor _EJ0. */
		EXPECT_EQ(!!memmem(cpu.p, cpu.end - cpu.p, "_STA", 4), id > 0);
		EXPECT_EQ(!!memmem(cpu.p, cpu.end - cpu.p, "_EJ0", 4), id > 0);
	}
}

TEST(aml_lengths_are_exact_at_their_limits)
{
	static const u32 sizes[] = { 0, 57, 58, 59, 60, 4088, 4089, 4090, 4091, 5000, 70000 };
	static u8 buf[80000], fill[70000];
	size_t i;

	memset(fill, 0xa5, sizeof(fill));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct aml aml = { buf, 0, sizeof(buf), false };
		u32 mark = aml_scope_begin(&aml, "_SB");
		u32 len, extra, k;

		aml_bytes(&aml, fill, sizes[i]);
		aml_end(&aml, mark);
		EXPECT(!aml.full);
		extra = buf[1] >> 6;
		len = extra ? buf[1] & 0xf : buf[1];
		for (k = 0; k < extra; k++)
			len |= buf[2 + k] << (4 + 8 * k);
		EXPECT_EQ(len, aml.len - 1);
		EXPECT(!memcmp(buf + 2 + extra, "_SB_", 4));
		EXPECT(!memcmp(buf + 6 + extra, fill, sizes[i]));
	}
}

TEST(aml_overflow_is_noticed_and_harmless)
{
	u8 *buf;
	u32 cap;

	for (cap = 0; cap < 40; cap++) {
		struct aml aml = { buf = malloc(cap), 0, cap, false };
		u32 mark = aml_device_begin(&aml, "COM1");

		aml_name(&aml, "_HID");
		aml_string(&aml, "ACPI0007");
		aml_align(&aml, 4);
		aml_end(&aml, mark);
		EXPECT_EQ(aml.full, cap < 23 + 2);
		free(buf);
	}
}

TEST(too_many_processors_are_refused)
{
	aerie_mem_init(&mem, 64ull << 20, NULL);
	EXPECT_EQ(aerie_acpi_build(&mem, 100000, 1), -EINVAL);
	aerie_mem_fini(&mem);
}

/* Run a command in the scratch directory; what it says, and its status. */
static char said[1 << 16];

static int run(const char *dir, const char *command)
{
	char line[512];
	FILE *pipe;
	size_t n;

	snprintf(line, sizeof(line), "cd %s && %s 2>&1", dir, command);
	pipe = popen(line, "r");
	n = fread(said, 1, sizeof(said) - 1, pipe);
	said[n] = 0;
	n = pclose(pipe);
	return WEXITSTATUS(n);
}

static void dump(const char *dir, const char *name, const u8 *t)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.dat", dir, name);
	f = fopen(path, "w");
	if (!f || fwrite(t, get(t + 4, 4), 1, f) != 1)
		abort();
	fclose(f);
}

TEST(acpica_understands_the_tables)
{
	static const char * const names[] = { "dsdt", "facp", "apic", "mcfg", "xsdt", "rsdt", "facs" };
	char dir[] = "/tmp/aerie-acpi-XXXXXX";
	char command[128];
	u8 *fadt;
	size_t i;

	if (!mkdtemp(dir))
		abort();
	if (run(dir, "iasl -v && which acpiexec")) {
		rmdir(dir);
		SKIP("iasl and acpiexec (acpica-tools) are not installed");
	}
	build(64);
	fadt = table("FACP");
	dump(dir, "facp", fadt);
	dump(dir, "facs", at(get(fadt + 36, 4)));
	dump(dir, "dsdt", at(get(fadt + 40, 4)));
	dump(dir, "apic", table("APIC"));
	dump(dir, "mcfg", table("MCFG"));
	dump(dir, "rsdt", at(get(bios + 16, 4)));
	dump(dir, "xsdt", at(get(bios + 24, 8)));

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(command, sizeof(command), "iasl -d %s.dat", names[i]);
		EXPECT_EQ(run(dir, command), 0);
		EXPECT(!strcasestr(said, "error"));
		EXPECT(!strstr(said, "Checksum"));
		EXPECT(!strcasestr(said, "invalid"));
	}
	/* What was read back compiles to the same bytes. */
	EXPECT_EQ(run(dir, "iasl -p again dsdt.dsl"), 0);
	EXPECT(strstr(said, "0 Errors"));
	EXPECT_EQ(run(dir, "cmp -i 36 again.aml dsdt.dat"), 0);
	/* And the interpreter finds what a kernel looks for. */
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_S5' dsdt.dat"), 0);
	EXPECT(strstr(said, "0000000000000005"));
	EXPECT_EQ(run(dir, "acpiexec -b 'resources \\_SB.COM1' dsdt.dat"), 0);
	EXPECT(strstr(said, "03F8"));
	EXPECT_EQ(run(dir, "acpiexec -b 'resources \\_SB.PCI0' dsdt.dat"), 0);
	EXPECT(strstr(said, "C0000000"));
	EXPECT(strstr(said, "DFFFFFFF"));
	EXPECT_EQ(run(dir, "acpiexec -b 'resources \\_SB.ECAM' dsdt.dat"), 0);
	EXPECT(strstr(said, "E0000000"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.PCI0._PRT' dsdt.dat"), 0);
	EXPECT(strstr(said, "00000000001FFFFF"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.PCI0.S31._ADR' dsdt.dat"), 0);
	EXPECT(strstr(said, "00000000001F0000"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.PCI0.S07._SUN' dsdt.dat"), 0);
	EXPECT(strstr(said, "0000000000000007"));
	/* The region is memory to it: what a method writes it reads. */
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.PCI0.S05._EJ0 1; evaluate \\_SB.PCI0.EJCT' dsdt.dat"), 0);
	EXPECT(strstr(said, "0000000000000020"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_GPE._L00' dsdt.dat"), 0);
	EXPECT(!strcasestr(said, "error"));
	EXPECT(!strcasestr(said, "AE_"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.CPUS.C063._UID' dsdt.dat"), 0);
	EXPECT(strstr(said, "000000000000003F"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.CPUS.C063._MAT' dsdt.dat"), 0);
	EXPECT(strstr(said, "00 08 3F 3F 01 00 00 00"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.CPUS.C033._STA' dsdt.dat"), 0);
	EXPECT(strstr(said, "0000000000000000"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_SB.CPUS.C033._EJ0 1; evaluate \\_SB.CPUS.EJCB' dsdt.dat"), 0);
	EXPECT(strstr(said, "0000000000000002"));
	EXPECT_EQ(run(dir, "acpiexec -b 'evaluate \\_GPE._L08' dsdt.dat"), 0);
	EXPECT(!strcasestr(said, "error"));
	EXPECT(!strcasestr(said, "AE_"));
	snprintf(command, sizeof(command), "rm -r %s", dir);
	EXPECT_EQ(run("/", command), 0);
}
