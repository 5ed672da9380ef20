// SPDX-License-Identifier: GPL-2.0
/*
 * What a driver sees of a virtio device (Virtual I/O Device, Virtio Over PCI Bus): its
 * registers, and the capabilities that say where they are.
 *
 * BAR 0 has a page each for the common configuration, the ISR, the device's own
 * configuration and the queues' doorbells; BAR 1 is the MSI-X table: a vector for
 * configuration changes and one for each queue.
 */
#include <linux/bits.h>
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/string.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_pci.h>

#include "aerie.h"
#include "virtio/transport.h"
#include "virtio/virtio.h"

enum { PAGE_COMMON, PAGE_ISR, PAGE_DEVICE, PAGE_NOTIFY };
#define REGS_PAGE	(VIRTIO_REGS_SIZE / 4)
#define NOTIFY_STEP	4	/* bytes from one doorbell to the next */

static struct aerie_virtio *from_pci(struct aerie_pci_dev *pci)
{
	return container_of(pci, struct aerie_virtio, pci);
}

/* ---- Common configuration --------------------------------------------------- */

#define COMMON(field)	VIRTIO_PCI_COMMON_##field

/*
 * Rings that are not RAM are found when they are used. Alignment is asked for so that
 * each word of a ring lies in one page.
 */
static bool vq_valid(const struct aerie_vq *vq)
{
	const u64 most = vring_size(AERIE_VQ_SIZE, 4);	/* more than any of the three takes */

	return is_power_of_2(vq->size) && vq->size <= vq->max && !(vq->desc & 15) &&
	       !(vq->avail & 1) && !(vq->used & 3) && vq->desc < -most && vq->avail < -most &&
	       vq->used < -most;
}

/* False where it is no queue. */
static bool vq_enable(struct aerie_vq *vq)
{
	if (!vq_valid(vq))
		return false;
	vq->event_idx = vq->vdev->s.driver_features & BIT_ULL(VIRTIO_RING_F_EVENT_IDX);
	smp_store_release(&vq->enabled, true);
	return true;
}

static u32 features_half(u64 features, u32 sel)
{
	return sel < 2 ? features >> 32 * sel : 0;
}

static u32 common_read(struct aerie_virtio *vdev, u64 off)
{
	const struct aerie_virtio_state *s = &vdev->s;
	const struct aerie_vq *vq = s->queue_sel < vdev->nr_vqs ? &vdev->vqs[s->queue_sel] : NULL;

	switch (off) {
	case COMMON(DFSELECT):
		return s->device_feature_sel;
	case COMMON(DF):
		return features_half(vdev->features, s->device_feature_sel);
	case COMMON(GFSELECT):
		return s->driver_feature_sel;
	case COMMON(GF):
		return features_half(s->driver_features, s->driver_feature_sel);
	case COMMON(MSIX):
		return s->config_vector;
	case COMMON(NUMQ):
		return vdev->nr_vqs;
	case COMMON(STATUS):
		return s->status;
	case COMMON(CFGGENERATION):
		return s->generation;
	case COMMON(Q_SELECT):
		return s->queue_sel;
	}
	if (!vq)
		return 0;
	switch (off) {
	case COMMON(Q_SIZE):
		return vq->size;
	case COMMON(Q_MSIX):
		return vq->vector;
	case COMMON(Q_ENABLE):
		return vq->enabled;
	case COMMON(Q_NOFF):
		return vq->index;
	case COMMON(Q_DESCLO):
		return vq->desc;
	case COMMON(Q_DESCHI):
		return vq->desc >> 32;
	case COMMON(Q_AVAILLO):
		return vq->avail;
	case COMMON(Q_AVAILHI):
		return vq->avail >> 32;
	case COMMON(Q_USEDLO):
		return vq->used;
	case COMMON(Q_USEDHI):
		return vq->used >> 32;
	}
	return 0;
}

static void set_low(u64 *reg, u32 val)
{
	*reg = (*reg & ~0xffffffffull) | val;
}

static void set_high(u64 *reg, u32 val)
{
	*reg = (u32)*reg | (u64)val << 32;
}

static u16 vector_of(const struct aerie_virtio *vdev, u16 val)
{
	return val < vdev->pci.msix_nr ? val : VIRTIO_MSI_NO_VECTOR;
}

static void status_write(struct aerie_virtio *vdev, u8 val)
{
	struct aerie_virtio_state *s = &vdev->s;
	unsigned int i;
	bool up;

	if (!val) {
		virtio_reset_begin(vdev);
		return;
	}
	/* The driver cannot take back what it has said, nor what the device has. */
	val |= s->status;
	if (val & VIRTIO_CONFIG_S_FEATURES_OK && !(s->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !(s->driver_features & BIT_ULL(VIRTIO_F_VERSION_1)))
		val &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	up = val & ~s->status & VIRTIO_CONFIG_S_DRIVER_OK && vdev->ops->run;
	WRITE_ONCE(s->status, val);
	/* Work may be there that no kick comes for. */
	for (i = 0; up && i < vdev->nr_vqs; i++)
		aerie_vq_kick(&vdev->vqs[i]);
}

/* False where the driver does what none may do. */
static bool queue_write(struct aerie_vq *vq, u64 off, u32 val)
{
	/* Set up once and not changed after it. */
	if (off == COMMON(Q_MSIX)) {
		WRITE_ONCE(vq->vector, vector_of(vq->vdev, val));
		return true;
	}
	if (vq->enabled)
		return true;
	switch (off) {
	case COMMON(Q_SIZE):
		vq->size = val;
		break;
	case COMMON(Q_ENABLE):
		return val != 1 || vq_enable(vq);
	case COMMON(Q_DESCLO):
		set_low(&vq->desc, val);
		break;
	case COMMON(Q_DESCHI):
		set_high(&vq->desc, val);
		break;
	case COMMON(Q_AVAILLO):
		set_low(&vq->avail, val);
		break;
	case COMMON(Q_AVAILHI):
		set_high(&vq->avail, val);
		break;
	case COMMON(Q_USEDLO):
		set_low(&vq->used, val);
		break;
	case COMMON(Q_USEDHI):
		set_high(&vq->used, val);
		break;
	}
	return true;
}

static bool common_write(struct aerie_virtio *vdev, u64 off, u32 val)
{
	struct aerie_virtio_state *s = &vdev->s;
	u32 offered;

	switch (off) {
	case COMMON(DFSELECT):
		s->device_feature_sel = val;
		break;
	case COMMON(GFSELECT):
		s->driver_feature_sel = val;
		break;
	case COMMON(GF):
		if (s->driver_feature_sel > 1 || s->status & VIRTIO_CONFIG_S_FEATURES_OK)
			break;
		offered = features_half(vdev->features, s->driver_feature_sel);
		if (s->driver_feature_sel)
			set_high(&s->driver_features, val & offered);
		else
			set_low(&s->driver_features, val & offered);
		break;
	case COMMON(MSIX):
		WRITE_ONCE(s->config_vector, vector_of(vdev, val));
		break;
	case COMMON(STATUS):
		status_write(vdev, val);
		break;
	case COMMON(Q_SELECT):
		s->queue_sel = val;
		break;
	default:
		return s->queue_sel >= vdev->nr_vqs ||
		       queue_write(&vdev->vqs[s->queue_sel], off, val);
	}
	return true;
}

/* Drivers access each field by its width; the two halves of 64 bits may come as one. */
static u64 common_access(struct aerie_virtio *vdev, u64 off, unsigned int size, u64 val,
			 bool write)
{
	unsigned long flags;
	bool ok = true;
	u64 ret = 0;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	if (write) {
		ok = common_write(vdev, off, val);
		if (size == 8)
			ok &= common_write(vdev, off + 4, val >> 32);
	} else {
		ret = common_read(vdev, off);
		if (size == 8)
			ret |= (u64)common_read(vdev, off + 4) << 32;
	}
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	if (!ok)
		aerie_virtio_broken(vdev);
	return ret;
}

static u8 isr_read(struct aerie_virtio *vdev)
{
	unsigned long flags;
	u8 isr;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	isr = vdev->s.isr;
	vdev->s.isr = 0;
	aerie_pci_intx(&vdev->pci, false);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	return isr;
}

static u64 device_read(struct aerie_virtio *vdev, u64 off, unsigned int size)
{
	unsigned long flags;
	u64 val = 0;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	if (off < vdev->config_len)
		memcpy(&val, vdev->config + off, min_t(u64, size, vdev->config_len - off));
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	return val;
}

static void device_write(struct aerie_virtio *vdev, u64 off, unsigned int size, u64 val)
{
	unsigned long flags;

	if (!vdev->ops->configure)
		return;
	raw_spin_lock_irqsave(&vdev->lock, flags);
	vdev->ops->configure(vdev, off, size, val);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
}

static u64 regs_read(struct aerie_virtio *vdev, u64 off, unsigned int size)
{
	switch (off / REGS_PAGE) {
	case PAGE_COMMON:
		return common_access(vdev, off, size, 0, false);
	case PAGE_ISR:
		return off % REGS_PAGE ? 0 : isr_read(vdev);
	case PAGE_DEVICE:
		return device_read(vdev, off % REGS_PAGE, size);
	}
	return 0;
}

static void regs_write(struct aerie_virtio *vdev, u64 off, unsigned int size, u64 val)
{
	switch (off / REGS_PAGE) {
	case PAGE_COMMON:
		common_access(vdev, off, size, val, true);
		break;
	case PAGE_DEVICE:
		device_write(vdev, off % REGS_PAGE, size, val);
		break;
	case PAGE_NOTIFY:
		if (off % REGS_PAGE / NOTIFY_STEP < vdev->nr_vqs)
			aerie_vq_kick(&vdev->vqs[off % REGS_PAGE / NOTIFY_STEP]);
		break;
	}
}

static u64 bar_read(struct aerie_pci_dev *pci, unsigned int bar, u64 off, unsigned int size)
{
	return bar == VIRTIO_BAR_MSIX ? aerie_msix_read(pci, off, size) :
				 regs_read(from_pci(pci), off, size);
}

static void bar_write(struct aerie_pci_dev *pci, unsigned int bar, u64 off, unsigned int size,
		      u64 val)
{
	if (bar == VIRTIO_BAR_MSIX)
		aerie_msix_write(pci, off, size, val);
	else
		regs_write(from_pci(pci), off, size, val);
}

/* ---- Capabilities --------------------------------------------------------- */

#define CAP_BAR		offsetof(struct virtio_pci_cap, bar)
#define CAP_OFFSET	offsetof(struct virtio_pci_cap, offset)
#define CAP_LENGTH	offsetof(struct virtio_pci_cap, length)
#define CAP_DATA	sizeof(struct virtio_pci_cap)	/* of the capabilities that go on */

static u8 cap_add(struct aerie_virtio *vdev, u8 type, u8 len, u32 offset, u32 length)
{
	struct aerie_pci_dev *pci = &vdev->pci;
	u8 cap = aerie_pci_cap_add(pci, PCI_CAP_ID_VNDR, len);

	pci->config[cap + offsetof(struct virtio_pci_cap, cap_len)] = len;
	pci->config[cap + offsetof(struct virtio_pci_cap, cfg_type)] = type;
	pci->config[cap + CAP_BAR] = VIRTIO_BAR_REGS;
	aerie_pci_put(pci, cap + CAP_OFFSET, 4, offset);
	aerie_pci_put(pci, cap + CAP_LENGTH, 4, length);
	return cap;
}

void virtio_caps_add(struct aerie_virtio *vdev)
{
	u8 len = sizeof(struct virtio_pci_cap), cap;

	cap_add(vdev, VIRTIO_PCI_CAP_COMMON_CFG, len, PAGE_COMMON * REGS_PAGE,
		sizeof(struct virtio_pci_common_cfg));
	cap_add(vdev, VIRTIO_PCI_CAP_ISR_CFG, len, PAGE_ISR * REGS_PAGE, 1);
	if (vdev->config_len)
		cap_add(vdev, VIRTIO_PCI_CAP_DEVICE_CFG, len, PAGE_DEVICE * REGS_PAGE,
			vdev->config_len);
	cap = cap_add(vdev, VIRTIO_PCI_CAP_NOTIFY_CFG, len + 4, PAGE_NOTIFY * REGS_PAGE,
		      vdev->nr_vqs * NOTIFY_STEP);
	aerie_pci_put(&vdev->pci, cap + CAP_DATA, 4, NOTIFY_STEP);
	cap = cap_add(vdev, VIRTIO_PCI_CAP_PCI_CFG, len + 4, 0, 0);
	memset(vdev->pci.writable + cap + CAP_BAR, 0xff, 1);
	memset(vdev->pci.writable + cap + CAP_OFFSET, 0xff, 12);
	vdev->window = cap;
}

/* The window: registers by way of configuration space, for who cannot map a BAR. */
static bool window_get(struct aerie_virtio *vdev, unsigned int reg, u32 *off, u32 *size)
{
	struct aerie_pci_dev *pci = &vdev->pci;
	unsigned long flags;
	u8 bar;

	if (reg != vdev->window + CAP_DATA)
		return false;
	raw_spin_lock_irqsave(&pci->lock, flags);
	bar = pci->config[vdev->window + CAP_BAR];
	*off = aerie_pci_get(pci, vdev->window + CAP_OFFSET, 4);
	*size = aerie_pci_get(pci, vdev->window + CAP_LENGTH, 4);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	return bar == VIRTIO_BAR_REGS && (*size == 1 || *size == 2 || *size == 4) &&
	       *off < VIRTIO_REGS_SIZE && !(*off % *size);
}

static void window_read(struct aerie_pci_dev *pci, unsigned int reg)
{
	struct aerie_virtio *vdev = from_pci(pci);
	unsigned long flags;
	u32 off, size, val;

	if (!window_get(vdev, reg, &off, &size))
		return;
	val = regs_read(vdev, off, size);
	raw_spin_lock_irqsave(&pci->lock, flags);
	aerie_pci_put(pci, reg, 4, val);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
}

static void window_write(struct aerie_pci_dev *pci, unsigned int reg)
{
	struct aerie_virtio *vdev = from_pci(pci);
	unsigned long flags;
	u32 off, size, val;

	if (!window_get(vdev, reg, &off, &size))
		return;
	raw_spin_lock_irqsave(&pci->lock, flags);
	val = aerie_pci_get(pci, reg, size);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	regs_write(vdev, off, size, val);
}

const struct aerie_pci_ops virtio_registers_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_read = window_read,
	.config_write = window_write,
};
