#include "../../shim.h"
#include <linux/kvm_para.h>
