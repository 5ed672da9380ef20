#include "../../shim.h"
#include <linux/virtio_pci.h>
