#include "../../shim.h"
#include <linux/if_ether.h>
