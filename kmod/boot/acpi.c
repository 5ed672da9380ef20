// SPDX-License-Identifier: GPL-2.0
/*
 * The ACPI tables of the machine.
 *
 * All of them are built in one buffer, in the order in which they point at each
 * other, and written to the BIOS area at once: RSDP first, where whoever scans
 * for it finds it, FACS, DSDT, FADT, MADT, MCFG, then RSDT and XSDT. They say that
 * this is a PC with an 8259 pair, RTC, serial port and a PCI bus, without keyboard
 * controller, video and SMI; always in ACPI mode; with the power button as fixed
 * hardware; with PCI slots that can be filled and emptied, and processors that come and go.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "boot/aml.h"
#include "boot/loader.h"
#include "dev/chips.h"
#include "dev/pci.h"

#define ACPI_BYTES	(AERIE_BIOS_END - AERIE_BIOS_START)
#define SCI_IRQ		9
#define PIT_GSI		2		/* where ISA interrupt 0 goes, as on every PC */
#define RTC_CENTURY	0x32		/* CMOS byte */

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision;
	u8 checksum;
	char oem_id[6];
	char oem_table_id[8];
	u32 oem_revision;
	char creator_id[4];
	u32 creator_revision;
} __packed;

/* Generic address structure; all of ours are ports. */
struct acpi_gas {
	u8 space;
	u8 bit_width;
	u8 bit_offset;
	u8 access_size;
	u64 address;
} __packed;

struct acpi_rsdp {
	char signature[8];
	u8 checksum;		/* of the first 20 bytes */
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum;
	u8 reserved[3];
} __packed;

struct acpi_facs {
	char signature[4];
	u32 length;
	u32 hardware_signature;
	u32 waking_vector;
	u32 global_lock;
	u32 flags;
	u64 x_waking_vector;
	u8 version;
	u8 reserved[31];
} __packed;

/* FADT flags */
#define FADT_WBINVD		BIT(0)
#define FADT_PROC_C1		BIT(2)
#define FADT_SLP_BUTTON		BIT(5)	/* set: there is none in fixed hardware */
#define FADT_FIX_RTC		BIT(6)	/* set: no wake status in fixed hardware */
#define FADT_TMR_VAL_EXT	BIT(8)	/* the PM timer has 32 bits */
#define FADT_RESET_REG_SUP	BIT(10)
#define FADT_HEADLESS		BIT(12)

/* IAPC_BOOT_ARCH: not 8042 (bit 1), not "no CMOS RTC" (bit 5) */
#define BOOT_ARCH_LEGACY_DEVICES BIT(0)
#define BOOT_ARCH_NO_VGA	BIT(2)

#define NO_C2			0xfff	/* latencies beyond the limit: no such state */

struct acpi_fadt {
	struct acpi_header header;
	u32 facs;
	u32 dsdt;
	u8 reserved0;
	u8 preferred_profile;
	u16 sci_int;
	u32 smi_cmd;
	u8 acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
	u8 pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len;
	u8 gpe0_len, gpe1_len, gpe1_base, cst_cnt;
	u16 p_lvl2_lat, p_lvl3_lat, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 iapc_boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset_reg;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor_version;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr;
	struct acpi_gas x_gpe0, x_gpe1, sleep_control, sleep_status;
	char hypervisor_vendor[8];
} __packed;

/* MADT flags, and of its entries */
#define MADT_PCAT_COMPAT	BIT(0)	/* there is an 8259 pair too */
#define MADT_LAPIC_ENABLED	BIT(0)
#define MADT_LAPIC_ONLINE_CAPABLE BIT(1)	/* it is not there yet, but may come */
#define MADT_ACTIVE_HIGH	0x1
#define MADT_LEVEL		0xc
#define MADT_ALL_PROCESSORS	0xff

struct madt_lapic {
	u8 type, length;	/* 0 */
	u8 processor_uid;
	u8 apic_id;
	u32 flags;
} __packed;

struct madt_ioapic {
	u8 type, length;	/* 1 */
	u8 id;
	u8 reserved;
	u32 address;
	u32 gsi_base;
} __packed;

struct madt_override {
	u8 type, length;	/* 2 */
	u8 bus;
	u8 source;
	u32 gsi;
	u16 flags;
} __packed;

struct madt_lapic_nmi {
	u8 type, length;	/* 4 */
	u8 processor_uid;
	u16 flags;
	u8 lint;
} __packed;

static u8 checksum(const u8 *buf, u32 len)
{
	u8 sum = 0;

	while (len--)
		sum += *buf++;
	return -sum;
}

/* Append a table's header; returns where the table starts. */
static u32 table_begin(struct aml *aml, const char *signature, u8 revision)
{
	struct acpi_header header = {
		.revision = revision,
		.oem_revision = 1,
		.creator_revision = 1,
	};
	u32 start;

	memcpy(header.signature, signature, sizeof(header.signature));
	memcpy(header.oem_id, "AERIE ", sizeof(header.oem_id));
	memcpy(header.oem_table_id, "AERIEPC ", sizeof(header.oem_table_id));
	memcpy(header.creator_id, "AERI", sizeof(header.creator_id));
	aml_align(aml, 16);
	start = aml->len;
	aml_bytes(aml, &header, sizeof(header));
	return start;
}

/* The table is complete: set its length and checksum. Returns its address. */
static u32 table_end(struct aml *aml, u32 start)
{
	struct acpi_header *header = (void *)(aml->buf + start);

	if (!aml->full) {
		header->length = aml->len - start;
		header->checksum = checksum(aml->buf + start, header->length);
	}
	return AERIE_BIOS_START + start;
}

static struct acpi_gas port(u16 address, u8 bytes)
{
	return (struct acpi_gas) {
		.space = 1,
		.bit_width = bytes * 8,
		.access_size = bytes == 4 ? 3 : bytes,
		.address = address,
	};
}

static void device(struct aml *aml, const char *name, const char *id, u16 base, u8 len,
		   unsigned int irq)
{
	u32 mark = aml_device_begin(aml, name);

	aml_name(aml, "_HID");
	aml_eisa_id(aml, id);
	aml_name(aml, "_UID");
	aml_integer(aml, 1);
	aml_name(aml, "_STA");
	aml_integer(aml, 0xf);
	aml_name(aml, "_CRS");
	aml_io_irq(aml, base, len, irq);
	aml_end(aml, mark);
}

/* What an object is notified of. */
#define NOTIFY_BUS_CHECK	0
#define NOTIFY_DEVICE_CHECK	1
#define NOTIFY_EJECT_REQUEST	3

static void slot_name(char name[5], u32 slot)
{
	snprintf(name, 5, "S%02u", slot);
}

static void processor_name(char name[5], u32 id)
{
	snprintf(name, 5, "C%03u", id % 1000);
}

/*
 * A mask whose bit 0 is device @base: those from @first on and below @end are told @event
 * where they have a bit. What was read is cleared.
 */
static void hotplug_mask(struct aml *aml, const char *mask, u8 event,
			 void (*name_of)(char name[5], u32 id), u32 base, u32 first, u32 end)
{
	char name[5];
	u32 id, mark;

	aml_store_to_local(aml, mask);
	aml_store_local(aml, mask);
	for (id = max(base, first); id < min(base + 32, end); id++) {
		name_of(name, id);
		mark = aml_if_local_begin(aml, BIT(id - base));
		aml_notify(aml, name, event);
		aml_end(aml, mark);
	}
}

/* How many vCPUs a machine can have, and how many of them there are: the first. */
struct cpus {
	u32 nr, nr_present;
};

static struct madt_lapic local_apic(u32 id, u32 flags)
{
	return (struct madt_lapic) {
		.type = 0, .length = sizeof(struct madt_lapic),
		.processor_uid = id, .apic_id = id, .flags = flags,
	};
}

/* A field of 32 vCPUs: @mask is LOK, ASK, EJC or PRS; a letter follows. */
static const char *cpu_field(char name[5], const char *mask, u32 id)
{
	snprintf(name, 5, "%s%c", mask, 'A' + id / 32);
	return name;
}

static void processor(struct aml *aml, u32 id)
{
	struct madt_lapic lapic = local_apic(id, MADT_LAPIC_ENABLED);
	char name[5], field[5];
	u32 mark, method, here;

	processor_name(name, id);
	mark = aml_device_begin(aml, name);
	aml_name(aml, "_HID");
	aml_string(aml, "ACPI0007");
	aml_name(aml, "_UID");
	aml_integer(aml, id);
	/* As it is when it is there: guests ask _STA about that. */
	aml_name(aml, "_MAT");
	aml_buffer(aml, &lapic, sizeof(lapic));
	/* The first is there, and stays. */
	if (id) {
		method = aml_method_begin(aml, "_STA", 0);
		aml_store_to_local(aml, cpu_field(field, "PRS", id));
		here = aml_if_local_begin(aml, BIT(id % 32));
		aml_return(aml, 0xf);
		aml_end(aml, here);
		aml_return(aml, 0);
		aml_end(aml, method);
		method = aml_method_begin(aml, "_EJ0", 1);
		aml_store(aml, BIT(id % 32), cpu_field(field, "EJC", id));
		aml_end(aml, method);
	}
	aml_end(aml, mark);
}

/* All processors, in a container: dev/cpu_hotplug.c says what the registers are. */
static void processors(struct aml *aml, u32 nr)
{
	static const char * const fields[] = {
		"LOKA", "LOKB", "ASKA", "ASKB", "EJCA", "EJCB", "PRSA", "PRSB",
	};
	u32 mark = aml_device_begin(aml, "CPUS"), method, id;
	char field[5];

	aml_name(aml, "_HID");
	aml_string(aml, "ACPI0010");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_ports(aml, "HPLG", AERIE_CPU_HOTPLUG_PORT, fields, ARRAY_SIZE(fields));
	for (id = 0; id < nr; id++)
		processor(aml, id);
	method = aml_method_begin(aml, "SCAN", 0);
	for (id = 0; id < nr; id += 32) {
		hotplug_mask(aml, cpu_field(field, "LOK", id), NOTIFY_DEVICE_CHECK,
			     processor_name, id, 1, nr);
		hotplug_mask(aml, cpu_field(field, "ASK", id), NOTIFY_EJECT_REQUEST,
			     processor_name, id, 1, nr);
	}
	aml_end(aml, method);
	aml_end(aml, mark);
}

/* The bridge's slots: dev/hotplug.c says what the registers are. */
static void pci_slots(struct aml *aml)
{
	static const char * const fields[] = { "LOOK", "ASK", "EJCT" };
	char name[5];
	u32 slot, mark, method;

	aml_ports(aml, "HPLG", AERIE_HOTPLUG_PORT, fields, ARRAY_SIZE(fields));
	for (slot = 1; slot < AERIE_PCI_SLOTS; slot++) {
		slot_name(name, slot);
		mark = aml_device_begin(aml, name);
		aml_name(aml, "_ADR");
		aml_integer(aml, slot << 16);
		aml_name(aml, "_SUN");
		aml_integer(aml, slot);
		method = aml_method_begin(aml, "_EJ0", 1);
		aml_store(aml, BIT(slot), "EJCT");
		aml_end(aml, method);
		aml_end(aml, mark);
	}
	method = aml_method_begin(aml, "SCAN", 0);
	hotplug_mask(aml, "LOOK", NOTIFY_DEVICE_CHECK, slot_name, 0, 1, AERIE_PCI_SLOTS);
	/* Guests look for what is no longer there only when told of the bus. */
	mark = aml_if_local_begin(aml, BIT(0));
	aml_notify(aml, "PCI0", NOTIFY_BUS_CHECK);
	aml_end(aml, mark);
	hotplug_mask(aml, "ASK", NOTIFY_EJECT_REQUEST, slot_name, 0, 1, AERIE_PCI_SLOTS);
	aml_end(aml, method);
}

/* General purpose events: level, cleared after the method has run. */
static void events(struct aml *aml)
{
	u32 mark = aml_scope_begin(aml, "_GPE"), method;

	BUILD_BUG_ON(AERIE_HOTPLUG_GPE != 0);
	method = aml_method_begin(aml, "_L00", 0);
	aml_call(aml, "PCI0", "SCAN");
	aml_end(aml, method);
	BUILD_BUG_ON(AERIE_CPU_HOTPLUG_GPE != 8);
	method = aml_method_begin(aml, "_L08", 0);
	aml_call(aml, "CPUS", "SCAN");
	aml_end(aml, method);
	aml_end(aml, mark);
}

/*
 * The PCI host bridge: what it hands on, and where pin A of each slot goes. ECAM is
 * another device's, for it is none of the bridge's windows.
 */
static void pci_host(struct aml *aml)
{
	u32 mark = aml_device_begin(aml, "PCI0"), list, entry, slot;

	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0A08");
	aml_name(aml, "_CID");
	aml_eisa_id(aml, "PNP0A03");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	list = aml_resources_begin(aml, AML_RES_BUS_BYTES + AML_RES_IO_BYTES +
					AML_RES_WINDOW_BYTES);
	aml_bus_window(aml, 0, 0);
	aml_io(aml, 0xcf8, 8);
	aml_memory_window(aml, AERIE_PCI_MMIO_BASE, AERIE_PCI_MMIO_LEN);
	aml_resources_end(aml, list);
	aml_name(aml, "_PRT");
	list = aml_package_begin(aml, AERIE_PCI_SLOTS - 1);
	for (slot = 1; slot < AERIE_PCI_SLOTS; slot++) {
		entry = aml_package_begin(aml, 4);
		aml_integer(aml, slot << 16 | 0xffff);	/* all functions */
		aml_integer(aml, 0);			/* pin A */
		aml_integer(aml, 0);			/* no link device: */
		aml_integer(aml, AERIE_PCI_GSI(slot));
		aml_end(aml, entry);
	}
	aml_end(aml, list);
	pci_slots(aml);
	aml_end(aml, mark);

	mark = aml_device_begin(aml, "ECAM");
	aml_name(aml, "_HID");
	aml_eisa_id(aml, "PNP0C02");
	aml_name(aml, "_UID");
	aml_integer(aml, 0);
	aml_name(aml, "_CRS");
	list = aml_resources_begin(aml, AML_RES_FIXED_BYTES);
	aml_memory_fixed(aml, AERIE_PCI_ECAM_BASE, AERIE_PCI_ECAM_LEN);
	aml_resources_end(aml, list);
	aml_end(aml, mark);
}

static u32 build_dsdt(struct aml *aml, const struct cpus *cpus)
{
	u32 start = table_begin(aml, "DSDT", 2);
	u32 mark;

	aml_name(aml, "_S5");
	mark = aml_package_begin(aml, 4);
	aml_integer(aml, AERIE_PM_S5_TYP);	/* PM1a */
	aml_integer(aml, AERIE_PM_S5_TYP);	/* PM1b: there is none */
	aml_integer(aml, 0);
	aml_integer(aml, 0);
	aml_end(aml, mark);

	mark = aml_scope_begin(aml, "_SB");
	device(aml, "COM1", "PNP0501", 0x3f8, 8, 4);
	device(aml, "RTC", "PNP0B00", 0x70, 2, 8);
	pci_host(aml);
	processors(aml, cpus->nr);
	aml_end(aml, mark);
	events(aml);
	return table_end(aml, start);
}

static u32 build_facs(struct aml *aml)
{
	struct acpi_facs facs = {
		.length = sizeof(facs),
		.version = 2,
	};
	u32 start;

	memcpy(facs.signature, "FACS", sizeof(facs.signature));
	aml_align(aml, 64);
	start = aml->len;
	aml_bytes(aml, &facs, sizeof(facs));
	return AERIE_BIOS_START + start;
}

static u32 build_fadt(struct aml *aml, u32 facs_gpa, u32 dsdt_gpa)
{
	struct acpi_fadt fadt = {
		.facs = facs_gpa,
		.dsdt = dsdt_gpa,
		.sci_int = SCI_IRQ,
		.pm1a_evt = AERIE_PM1A_EVT_PORT,
		.pm1a_cnt = AERIE_PM1A_CNT_PORT,
		.pm_tmr = AERIE_PM_TMR_PORT,
		.gpe0 = AERIE_GPE0_PORT,
		.gpe1 = AERIE_GPE1_PORT,
		.pm1_evt_len = 4,
		.pm1_cnt_len = 2,
		.pm_tmr_len = 4,
		.gpe0_len = 2,
		.gpe1_len = 2,
		.gpe1_base = AERIE_GPE1_BASE,
		.p_lvl2_lat = NO_C2,
		.p_lvl3_lat = NO_C2,
		.century = RTC_CENTURY,
		.iapc_boot_arch = BOOT_ARCH_LEGACY_DEVICES | BOOT_ARCH_NO_VGA,
		.flags = FADT_WBINVD | FADT_PROC_C1 | FADT_SLP_BUTTON | FADT_FIX_RTC |
			 FADT_TMR_VAL_EXT | FADT_RESET_REG_SUP | FADT_HEADLESS,
		.reset_reg = port(AERIE_RESET_PORT, 1),
		.reset_value = 6,
		.minor_version = 3,	/* 6.3, the first with processors that may come */
		/* Of the two addresses of the FACS only one may be given. */
		.x_dsdt = dsdt_gpa,
		.x_pm1a_evt = port(AERIE_PM1A_EVT_PORT, 4),
		.x_pm1a_cnt = port(AERIE_PM1A_CNT_PORT, 2),
		.x_pm_tmr = port(AERIE_PM_TMR_PORT, 4),
		.x_gpe0 = port(AERIE_GPE0_PORT, 2),
		.x_gpe1 = port(AERIE_GPE1_PORT, 2),
		.hypervisor_vendor = "Aerie",
	};
	u32 start = table_begin(aml, "FACP", 6);

	BUILD_BUG_ON(sizeof(fadt) != 276);
	fadt.x_pm1a_evt.access_size = 2;	/* status and enable, 16 bits each */
	fadt.x_gpe0.access_size = 1;		/* and 8 bits each */
	fadt.x_gpe1.access_size = 1;
	aml_bytes(aml, (u8 *)&fadt + sizeof(fadt.header), sizeof(fadt) - sizeof(fadt.header));
	return table_end(aml, start);
}

static u32 build_madt(struct aml *aml, const struct cpus *cpus)
{
	struct madt_lapic lapic;
	const struct madt_ioapic ioapic = { 1, sizeof(ioapic), .address = AERIE_IOAPIC_BASE };
	const struct madt_override pit = { 2, sizeof(pit), .source = 0, .gsi = PIT_GSI };
	const struct madt_override sci = {
		2, sizeof(sci), .source = SCI_IRQ, .gsi = SCI_IRQ,
		.flags = MADT_ACTIVE_HIGH | MADT_LEVEL,
	};
	const struct madt_lapic_nmi nmi = {
		4, sizeof(nmi), .processor_uid = MADT_ALL_PROCESSORS, .lint = 1,
	};
	u32 start = table_begin(aml, "APIC", 5);
	u32 i;

	aml_value(aml, AERIE_LAPIC_BASE, 4);
	aml_value(aml, MADT_PCAT_COMPAT, 4);
	for (i = 0; i < cpus->nr; i++) {
		lapic = local_apic(i, i < cpus->nr_present ? MADT_LAPIC_ENABLED :
					  MADT_LAPIC_ONLINE_CAPABLE);
		aml_bytes(aml, &lapic, sizeof(lapic));
	}
	aml_bytes(aml, &ioapic, sizeof(ioapic));
	aml_bytes(aml, &pit, sizeof(pit));
	aml_bytes(aml, &sci, sizeof(sci));
	aml_bytes(aml, &nmi, sizeof(nmi));
	return table_end(aml, start);
}

/* PCI Firmware Specification, MCFG Table: where ECAM is, of segment 0, bus 0. */
static u32 build_mcfg(struct aml *aml)
{
	u32 start = table_begin(aml, "MCFG", 1);

	aml_value(aml, 0, 8);
	aml_value(aml, AERIE_PCI_ECAM_BASE, 8);
	aml_value(aml, 0, 2);		/* segment */
	aml_value(aml, 0, 2);		/* first and last bus */
	aml_value(aml, 0, 4);
	return table_end(aml, start);
}

/* RSDT and XSDT: the same list, with addresses of @size bytes. */
static u32 build_list(struct aml *aml, const char *signature, unsigned int size,
		      const u32 *tables, unsigned int nr)
{
	u32 start = table_begin(aml, signature, 1);
	unsigned int i;

	for (i = 0; i < nr; i++)
		aml_value(aml, tables[i], size);
	return table_end(aml, start);
}

static void build_tables(struct aml *aml, const struct cpus *cpus)
{
	struct acpi_rsdp rsdp = {
		.revision = 2,
		.length = sizeof(rsdp),
	};
	u32 facs, dsdt, tables[3];

	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.oem_id, "AERIE ", sizeof(rsdp.oem_id));

	aml_bytes(aml, &rsdp, sizeof(rsdp));	/* its place; filled in below */
	facs = build_facs(aml);
	dsdt = build_dsdt(aml, cpus);
	tables[0] = build_fadt(aml, facs, dsdt);
	tables[1] = build_madt(aml, cpus);
	tables[2] = build_mcfg(aml);
	rsdp.rsdt = build_list(aml, "RSDT", 4, tables, ARRAY_SIZE(tables));
	rsdp.xsdt = build_list(aml, "XSDT", 8, tables, ARRAY_SIZE(tables));
	rsdp.checksum = checksum((u8 *)&rsdp, offsetof(struct acpi_rsdp, length));
	rsdp.extended_checksum = checksum((u8 *)&rsdp, sizeof(rsdp));
	memcpy(aml->buf, &rsdp, sizeof(rsdp));
}

s64 aerie_acpi_build(struct aerie_mem *mem, u32 nr_vcpus, u32 nr_present)
{
	const struct cpus cpus = { .nr = nr_vcpus, .nr_present = nr_present };
	struct aml aml = { .cap = ACPI_BYTES };
	int err;

	aml.buf = kvzalloc(aml.cap, GFP_KERNEL);
	if (!aml.buf)
		return -ENOMEM;
	build_tables(&aml, &cpus);
	if (aml.full)
		err = -EINVAL;		/* more processors than there can be */
	else
		err = aerie_mem_write(mem, AERIE_BIOS_START, aml.buf, aml.len, GFP_KERNEL);
	kvfree(aml.buf);
	return err ? err : (s64)AERIE_BIOS_START;
}
