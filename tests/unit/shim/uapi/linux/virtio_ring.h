#include "../../shim.h"
#include <linux/virtio_ring.h>
