#include "../../shim.h"
#include <linux/virtio_blk.h>
