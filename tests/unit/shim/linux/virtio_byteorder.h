/* Virtio 1 is little-endian, and so is who runs this. */
#ifndef SHIM_VIRTIO_BYTEORDER_H
#define SHIM_VIRTIO_BYTEORDER_H

#define __virtio16_to_cpu(little_endian, val)	(val)
#define __cpu_to_virtio16(little_endian, val)	(val)
#define __virtio64_to_cpu(little_endian, val)	(val)

#endif
