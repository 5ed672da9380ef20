#include "../../shim.h"
#include <linux/virtio_config.h>
