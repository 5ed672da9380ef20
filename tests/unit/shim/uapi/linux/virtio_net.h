#include "../../shim.h"
#include <linux/virtio_net.h>
