#include "../../shim.h"
#include <linux/virtio_ids.h>
