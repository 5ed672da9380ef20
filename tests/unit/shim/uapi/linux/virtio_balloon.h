#include "../../shim.h"
#include <linux/virtio_balloon.h>
