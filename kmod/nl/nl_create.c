// SPDX-License-Identifier: GPL-2.0
/*
 * VM_CREATE: from attributes to a configuration that the core makes a VM of.
 *
 * Descriptors are the caller's: this runs in the caller's system call, so fget()
 * finds what the caller opened with the caller's rights. The configuration owns
 * files and strings until aerie_vm_create() succeeds and takes them over; on every
 * other way out aerie_vm_config_free() gives them back. The reply is allocated before the
 * VM is made, and a reply that cannot be delivered unmakes the VM: the caller has
 * a VM it knows of, or none.
 */
#include <linux/blk_types.h>
#include <linux/etherdevice.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "nl.h"

struct file *aerie_nl_file(int fd, u32 attr, struct aerie_why *why)
{
	struct file *file = fget(fd);
	struct inode *inode;
	const char *wrong = NULL;
	int err = -EINVAL;

	if (!file)
		return ERR_PTR(aerie_refuse(why, -EBADF, attr, "is not an open descriptor"));
	inode = file->f_mapping->host;
	if (S_ISDIR(inode->i_mode)) {
		wrong = "is a directory";
		err = -EISDIR;
	} else if (!S_ISREG(inode->i_mode) && !S_ISBLK(inode->i_mode)) {
		wrong = "is neither a regular file nor a block device";
	} else if (!(file->f_mode & FMODE_READ)) {
		wrong = "is not open for reading";
		err = -EBADF;
	} else if (!file->f_op->read_iter || file->f_op->read) {
		wrong = "is on a file system that the kernel cannot read from itself";
	} else if (i_size_read(inode) <= 0) {
		wrong = "is empty";
	}
	if (!wrong)
		return file;
	fput(file);
	return ERR_PTR(aerie_refuse(why, err, attr, wrong));
}

static bool name_valid(const char *name)
{
	if (!*name || *name == '.' || *name == '-')
		return false;
	for (; *name; name++) {
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	}
	return true;
}

static int config_modules(struct aerie_vm_config *config, const struct nlattr *attr,
			  struct aerie_why *why)
{
	u32 i, nr = nla_len(attr) / sizeof(s32);
	struct file *file;
	s32 fd;

	if (!nr || nla_len(attr) % sizeof(s32))
		return aerie_refuse(why, -EINVAL, AERIE_A_MODULE_FDS,
				    "is not an array of descriptors");
	config->modules = kcalloc(nr, sizeof(*config->modules), GFP_KERNEL);
	if (!config->modules)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		memcpy(&fd, nla_data(attr) + i * sizeof(fd), sizeof(fd));
		file = aerie_nl_file(fd, AERIE_A_MODULE_FDS, why);
		if (IS_ERR(file))
			return PTR_ERR(file);
		config->modules[config->nr_modules++] = file;
	}
	return 0;
}

/* What keeps an image from being a disk, or NULL. */
static const char *disk_wrong(const struct file *file)
{
	if (i_size_read(file->f_mapping->host) < SECTOR_SIZE)
		return "is smaller than a sector";
	/* Writes would go elsewhere. */
	if (file->f_flags & O_APPEND)
		return "is open for appending";
	if (file->f_mode & FMODE_WRITE && (!file->f_op->write_iter || file->f_op->write))
		return "is on a file system that the kernel cannot write to itself";
	return NULL;
}

/* A file that a disk is made of. */
static struct file *disk_file(int fd, struct aerie_why *why)
{
	struct file *file = aerie_nl_file(fd, AERIE_A_DISK_LIST, why);
	const char *wrong = IS_ERR(file) ? NULL : disk_wrong(file);

	if (!wrong)
		return file;
	fput(file);
	return ERR_PTR(aerie_refuse(why, -EINVAL, AERIE_A_DISK_LIST, wrong));
}

/* What keeps the files of a layer from being one, or NULL. */
static const char *layer_wrong(const struct aerie_disk_layer *layer, u32 n)
{
	const struct file *data = layer->data, *manifest = layer->manifest;

	if (n && data->f_mode & FMODE_WRITE)
		return "has a base that is open for writing";
	if (!manifest)
		return NULL;
	if (!S_ISREG(data->f_mapping->host->i_mode) || !S_ISREG(manifest->f_mapping->host->i_mode))
		return "is an image that is no regular files";
	if ((data->f_mode ^ manifest->f_mode) & FMODE_WRITE)
		return "is an image of which one file is open for writing, the other not";
	return NULL;
}

/* The disk owns what it is given, also where this fails. */
static int config_layers(struct aerie_disk_config *disk, const struct nlattr *attr,
			 struct aerie_why *why)
{
	u32 i, nr = nla_len(attr) / (2 * sizeof(s32));
	struct aerie_disk_layer *layer;
	const char *wrong;
	struct file *file;
	s32 fds[2];

	if (!nr || nla_len(attr) % sizeof(fds))
		return aerie_refuse(why, -EINVAL, AERIE_A_DISK_LIST,
				    "has layers that are no pairs of descriptors");
	for (i = 0; i < nr; i++) {
		layer = &disk->layers[i];
		memcpy(fds, nla_data(attr) + i * sizeof(fds), sizeof(fds));
		file = disk_file(fds[1], why);
		if (IS_ERR(file))
			return PTR_ERR(file);
		layer->data = file;
		disk->nr_layers++;
		if (fds[0] >= 0) {
			file = disk_file(fds[0], why);
			if (IS_ERR(file))
				return PTR_ERR(file);
			layer->manifest = file;
		}
		wrong = layer_wrong(layer, i);
		if (wrong)
			return aerie_refuse(why, -EINVAL, AERIE_A_DISK_LIST, wrong);
	}
	disk->file = get_file(disk->layers[0].data);
	return 0;
}

static int config_files(struct aerie_disk_config *disk, const struct nlattr *fd,
			const struct nlattr *layers, struct aerie_why *why)
{
	struct file *file;

	if (!fd == !layers)
		return aerie_refuse(why, -EINVAL, AERIE_A_DISK_LIST,
				    fd ? "has a descriptor and layers" : "has no descriptor");
	if (layers)
		return config_layers(disk, layers, why);
	file = disk_file(nla_get_s32(fd), why);
	if (IS_ERR(file))
		return PTR_ERR(file);
	disk->file = file;
	return 0;
}

/* The disk owns files also where this fails. */
static int config_disk(struct aerie_disk_config *disk, const struct nlattr *nest,
		       struct aerie_why *why)
{
	const struct nlattr *serial = nla_find_nested(nest, AERIE_A_SERIAL);
	const char *text = serial ? nla_data(serial) : "";
	size_t i;

	for (i = 0; text[i]; i++)
		if (!isascii(text[i]) || !isprint(text[i]))
			return aerie_refuse(why, -EINVAL, AERIE_A_DISK_LIST,
					    "has a serial number that is not printable ASCII");
	memcpy(disk->serial, text, i);
	aerie_nl_disk_limit(nest, &disk->limit);
	return config_files(disk, nla_find_nested(nest, AERIE_A_DISK_FD),
			    nla_find_nested(nest, AERIE_A_DISK_LAYERS), why);
}

static int config_disks(struct aerie_vm_config *config, const struct nlattr *list,
			struct aerie_why *why)
{
	const struct nlattr *nest;
	int rem, err;
	u32 nr = 0;

	nla_for_each_nested(nest, list, rem)
		nr++;
	if (nr > AERIE_DISKS_MAX)
		return aerie_refuse(why, -E2BIG, AERIE_A_DISK_LIST, "is one more than there can be");
	config->disks = kcalloc(nr, sizeof(*config->disks), GFP_KERNEL_ACCOUNT);
	if (nr && !config->disks)
		return -ENOMEM;
	nla_for_each_nested(nest, list, rem) {
		err = config_disk(&config->disks[config->nr_disks++], nest, why);
		if (err)
			return err;
	}
	return 0;
}

static int config_nic(struct aerie_nic_config *nic, const struct nlattr *nest,
		      struct aerie_why *why)
{
	const struct nlattr *bridge = nla_find_nested(nest, AERIE_A_BRIDGE);
	const struct nlattr *mac = nla_find_nested(nest, AERIE_A_MAC);

	if (bridge)
		strscpy(nic->bridge, nla_data(bridge), sizeof(nic->bridge));
	if (bridge && !*nic->bridge)
		return aerie_refuse(why, -EINVAL, AERIE_A_NIC_LIST, "has a bridge without a name");
	if (!mac)
		return 0;
	memcpy(nic->mac, nla_data(mac), sizeof(nic->mac));
	if (!is_valid_ether_addr(nic->mac))
		return aerie_refuse(why, -EINVAL, AERIE_A_NIC_LIST,
				    "has an address that is no station's: it is a group's, or zero");
	return 0;
}

static int config_nics(struct aerie_vm_config *config, const struct nlattr *list,
		       struct aerie_why *why)
{
	const struct nlattr *nest;
	int rem, err;
	u32 nr = 0;

	nla_for_each_nested(nest, list, rem)
		nr++;
	if (nr > AERIE_NICS_MAX)
		return aerie_refuse(why, -E2BIG, AERIE_A_NIC_LIST, "is one more than there can be");
	config->nics = kcalloc(nr, sizeof(*config->nics), GFP_KERNEL_ACCOUNT);
	if (nr && !config->nics)
		return -ENOMEM;
	nla_for_each_nested(nest, list, rem) {
		err = config_nic(&config->nics[config->nr_nics], nest, why);
		if (err)
			return err;
		config->nr_nics++;
	}
	return 0;
}

int aerie_nl_balloon(bool *has, struct aerie_balloon_config *config, struct nlattr **attrs,
		     struct aerie_why *why)
{
	const struct nlattr *bytes = attrs[AERIE_A_BALLOON];
	const struct nlattr *min = attrs[AERIE_A_BALLOON_MIN], *max = attrs[AERIE_A_BALLOON_MAX];

	config->automatic = attrs[AERIE_A_BALLOON_AUTO];
	*has = bytes || config->automatic;
	if (bytes && config->automatic)
		return aerie_refuse(why, -EINVAL, AERIE_A_BALLOON,
				    "a balloon's size is given or left to us, not both");
	if ((min || max) && !config->automatic)
		return aerie_refuse(why, -EINVAL, min ? AERIE_A_BALLOON_MIN : AERIE_A_BALLOON_MAX,
				    "a balloon has bounds where its size is left to us");
	config->bytes = bytes ? nla_get_u64(bytes) : 0;
	config->min = min ? nla_get_u64(min) : 0;
	config->max = max ? nla_get_u64(max) : U64_MAX;
	return 0;
}

int aerie_nl_devices(struct aerie_vm_config *config, struct nlattr **attrs,
		     struct aerie_why *why)
{
	int err = aerie_nl_balloon(&config->has_balloon, &config->balloon, attrs, why);

	config->hvc = attrs[AERIE_A_HVC];
	if (!err && attrs[AERIE_A_DISK_LIST])
		err = config_disks(config, attrs[AERIE_A_DISK_LIST], why);
	if (!err && attrs[AERIE_A_NIC_LIST])
		err = config_nics(config, attrs[AERIE_A_NIC_LIST], why);
	return err;
}

static int config_vcpus(struct aerie_vm_config *config, struct nlattr **attrs,
			struct aerie_why *why)
{
	const struct nlattr *nr = attrs[AERIE_A_VCPUS], *max = attrs[AERIE_A_VCPUS_MAX];

	config->nr_present = nr ? nla_get_u32(nr) : 1;
	config->nr_vcpus = max ? nla_get_u32(max) : config->nr_present;
	if (config->nr_vcpus < config->nr_present)
		return aerie_refuse(why, -EINVAL, AERIE_A_VCPUS_MAX,
				    "there can be no fewer vCPUs than there are");
	return 0;
}

/* Fill a zeroed configuration; the caller calls aerie_vm_config_free() in either case. */
static int config_get(struct aerie_vm_config *config, struct nlattr **attrs,
		      struct aerie_why *why)
{
	struct file *file;
	int err;

	strscpy(config->name, nla_data(attrs[AERIE_A_NAME]), sizeof(config->name));
	if (!name_valid(config->name))
		return aerie_refuse(why, -EINVAL, AERIE_A_NAME,
				    "a name is letters, digits and . _ -, and starts with none of . -");
	config->memory_bytes = nla_get_u64(attrs[AERIE_A_MEMORY]);
	if (!IS_ALIGNED(config->memory_bytes, PAGE_SIZE))
		return aerie_refuse(why, -EINVAL, AERIE_A_MEMORY,
				    "memory is not a multiple of 4 KiB");
	err = config_vcpus(config, attrs, why);
	if (err)
		return err;
	if (attrs[AERIE_A_SHARE_GROUP]) {
		nla_strscpy(config->share_group, attrs[AERIE_A_SHARE_GROUP],
			    sizeof(config->share_group));
		if (!name_valid(config->share_group))
			return aerie_refuse(why, -EINVAL, AERIE_A_SHARE_GROUP,
					    "is no name of a sharing group: letters, digits and . _ -, not starting with . or -");
	}
	if (attrs[AERIE_A_CMDLINE]) {
		config->cmdline = nla_strdup(attrs[AERIE_A_CMDLINE], GFP_KERNEL);
		if (!config->cmdline)
			return -ENOMEM;
	}

	file = aerie_nl_file(nla_get_s32(attrs[AERIE_A_KERNEL_FD]), AERIE_A_KERNEL_FD, why);
	if (IS_ERR(file))
		return PTR_ERR(file);
	config->kernel = file;

	if (attrs[AERIE_A_INITRD_FD]) {
		file = aerie_nl_file(nla_get_s32(attrs[AERIE_A_INITRD_FD]),
				 AERIE_A_INITRD_FD, why);
		if (IS_ERR(file))
			return PTR_ERR(file);
		config->initrd = file;
	}
	err = aerie_nl_devices(config, attrs, why);
	if (err)
		return err;
	config->entropy = true;
	if (attrs[AERIE_A_MODULE_FDS])
		return config_modules(config, attrs[AERIE_A_MODULE_FDS], why);
	return 0;
}

static int create_reply(struct sk_buff *msg, void *hdr, struct aerie_vm *vm,
			struct genl_info *info)
{
	if (nla_put_string(msg, AERIE_A_NAME, vm->config.name) ||
	    nla_put_u32(msg, AERIE_A_VM_ID, vm->id)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

int aerie_nl_vm_create(struct sk_buff *skb, struct genl_info *info)
{
	struct aerie_vm_config config = {};
	struct aerie_why why = {};
	struct aerie_vm *vm;
	struct sk_buff *msg;
	void *hdr;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, AERIE_A_NAME) ||
	    GENL_REQ_ATTR_CHECK(info, AERIE_A_MEMORY) ||
	    GENL_REQ_ATTR_CHECK(info, AERIE_A_KERNEL_FD)) {
		NL_SET_ERR_MSG(info->extack, "name, memory and kernel are needed");
		return -EINVAL;
	}

	msg = aerie_nl_reply(info, GENLMSG_DEFAULT_SIZE, &hdr);
	if (!msg)
		return -ENOMEM;
	err = config_get(&config, info->attrs, &why);
	if (err)
		goto err_config;
	vm = aerie_vm_create(&config, &why);
	if (IS_ERR(vm)) {
		err = PTR_ERR(vm);
		goto err_config;
	}

	err = create_reply(msg, hdr, vm, info);
	if (err)
		aerie_vm_destroy(vm, &why);
	aerie_vm_put(vm);
	return err;

err_config:
	aerie_vm_config_free(&config);
	nlmsg_free(msg);
	return aerie_nl_refuse(info, err, &why);
}
