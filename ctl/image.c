// SPDX-License-Identifier: GPL-2.0
/* Disk images in chunks: opening them with what lies below, locks, reading, making. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image.h"
#include "mem.h"

static bool __attribute__((format(printf, 2, 3))) refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, IMAGE_WHY, fmt, ap);
	va_end(ap);
	return false;
}

bool read_all(int fd, void *buf, uint64_t len, uint64_t pos)
{
	ssize_t n;

	for (; len; buf += n, len -= n, pos += n) {
		n = pread(fd, buf, len, pos);
		if (n <= 0) {
			errno = n ? errno : EIO;
			return false;
		}
	}
	return true;
}

bool write_all(int fd, const void *buf, uint64_t len, uint64_t pos)
{
	ssize_t n;

	for (; len; buf += n, len -= n, pos += n) {
		n = pwrite(fd, buf, len, pos);
		if (n < 0)
			return false;
	}
	return true;
}

bool image_zeroes(const void *buf, uint64_t len)
{
	const char *p = buf;

	return !len || (!*p && !memcmp(p, p + 1, len - 1));
}

bool image_is(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* ---- Opening -------------------------------------------------------------- */

static char *join(const char *folder, const char *name)
{
	char *path;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		out_of_memory();
	return path;
}

/* The folder that @path is in, with all links followed; NULL with errno. */
static char *parent(const char *path)
{
	char *whole = realpath(path, NULL), *slash;

	if (!whole)
		return NULL;
	slash = strrchr(whole, '/');
	slash[slash == whole] = '\0';
	return whole;
}

static bool lock(int fd, bool write, const char *path, char *why)
{
	unsigned int tries;

	/* Who only asks whether it is in use has it for a moment. */
	for (tries = 0; tries < 5; tries++) {
		if (!flock(fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB))
			return true;
		if (errno != EWOULDBLOCK)
			break;
		usleep(10000);
	}
	if (errno == EWOULDBLOCK)
		return refuse(why, "%s is in use by a VM or by aerie image%s", path,
			      write ? "" : ", which writes it");
	return refuse(why, "%s cannot be locked: %s", path, strerror(errno));
}

static bool open_file(int *fd, const char *folder, const char *name, int flags, char *why)
{
	char *path = join(folder, name);

	int err;

	*fd = open(path, flags | O_CLOEXEC, 0666);
	err = errno;
	if (*fd < 0)
		refuse(why, "%s: %s", path, strerror(err));
	free(path);
	errno = err;
	return *fd >= 0;
}

static bool read_map(struct image_layer *layer, char *why)
{
	uint64_t len = aerie_image_map_len(&layer->info);
	uint32_t n, crc;

	layer->map = xcalloc(layer->info.nr, 8);
	if (!read_all(layer->manifest, layer->map, len, AERIE_IMAGE_MAP))
		return refuse(why, "%s/manifest cannot be read: %s", layer->path, strerror(errno));
	for (n = 0; n < layer->info.nr; n++)
		if (aerie_image_entry_state(n, layer->map[n], &crc) < 0)
			return refuse(why, "the map of %s is damaged, at chunk %u", layer->path, n);
	return true;
}

static bool open_files(struct image_layer *layer, unsigned int how, char *why)
{
	int flags = how & IMAGE_WRITE ? O_RDWR : O_RDONLY;

	if (!open_file(&layer->manifest, layer->path, "manifest", flags, why))
		return errno != ENOENT ? false :
		       refuse(why, "%s is a directory, and no image: it has no manifest", layer->path);
	return open_file(&layer->data, layer->path, "data",
			 flags | (how & IMAGE_DIRECT ? O_DIRECT : 0), why);
}

static bool open_image(struct image_layer *layer, unsigned int how, char *why)
{
	static struct { _Alignas(8) char head[AERIE_IMAGE_MAP]; } buf;
	const char *wrong;
	struct stat st;

	if (!open_files(layer, how, why))
		return false;
	if (!(how & IMAGE_UNLOCKED) &&
	    !lock(layer->manifest, how & IMAGE_WRITE, layer->path, why))
		return false;
	if (fstat(layer->manifest, &st))
		return refuse(why, "%s: %s", layer->path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size < AERIE_IMAGE_MAP)
		return refuse(why, "the image %s has a manifest that was cut short", layer->path);
	if (!read_all(layer->manifest, buf.head, AERIE_IMAGE_MAP, 0))
		return refuse(why, "%s/manifest cannot be read: %s", layer->path, strerror(errno));
	wrong = aerie_image_parse(buf.head, st.st_size, &layer->info);
	if (wrong)
		return refuse(why, "the image %s %s", layer->path, wrong);
	layer->size = layer->info.size;
	if (fstat(layer->data, &st) || !S_ISREG(st.st_mode) || (uint64_t)st.st_size < layer->size)
		return refuse(why, "the image %s has data that was cut short", layer->path);
	return read_map(layer, why);
}

static bool open_plain(struct image_layer *layer, unsigned int how, char *why)
{
	struct stat st;

	layer->data = open(layer->path, (how & IMAGE_WRITE ? O_RDWR : O_RDONLY) | O_CLOEXEC |
			   (how & IMAGE_DIRECT ? O_DIRECT : 0));
	if (layer->data < 0 || fstat(layer->data, &st))
		return refuse(why, "%s: %s", layer->path, strerror(errno));
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(layer->data, BLKGETSIZE64, &layer->size))
			return refuse(why, "%s: %s", layer->path, strerror(errno));
		return true;
	}
	if (!S_ISREG(st.st_mode))
		return refuse(why, "%s is neither an image, a regular file nor a block device",
			      layer->path);
	layer->size = st.st_size;
	return how & IMAGE_UNLOCKED || lock(layer->data, how & IMAGE_WRITE, layer->path, why);
}

/* What a plain file is told by; of a block device's node the time says nothing. */
static bool plain_time(const struct image_layer *layer, __u64 *s, __u32 *ns)
{
	struct stat st;

	if (fstat(layer->data, &st))
		return false;
	*s = S_ISREG(st.st_mode) ? st.st_mtim.tv_sec : 0;
	*ns = S_ISREG(st.st_mode) ? st.st_mtim.tv_nsec : 0;
	return true;
}

static bool is_base(const struct image_layer *layer, const struct aerie_image_info *above)
{
	__u64 s;
	__u32 ns;

	if (layer->manifest >= 0)
		return above->base == AERIE_BASE_IMAGE &&
		       !memcmp(above->base_content, layer->info.content, AERIE_IMAGE_ID);
	return above->base == AERIE_BASE_RAW && above->base_size == layer->size &&
	       plain_time(layer, &s, &ns) && above->base_mtime_s == s && above->base_mtime_ns == ns;
}

/* Where the base of @layer is; NULL with errno. */
static char *base_path(const struct image_layer *layer)
{
	const char *path = layer->info.base_path;
	char *folder, *whole;

	if (*path == '/')
		return xstrdup(path);
	folder = parent(layer->path);
	if (!folder)
		return NULL;
	whole = join(folder, path);
	free(folder);
	return whole;
}

static bool open_layer(struct image *image, char *path, unsigned int how, char *why)
{
	struct image_layer *layer = &image->layer[image->nr++], *above = layer - 1;

	*layer = (struct image_layer){ .path = path, .manifest = -1, .data = -1 };
	if (!(image_is(path) ? open_image(layer, how, why) : open_plain(layer, how, why)))
		return false;
	if (image->nr == 1)
		return true;
	layer->base_changed = !is_base(layer, &above->info);
	if (layer->base_changed && !(how & IMAGE_ANY_BASE))
		return refuse(why, "%s was changed since %s was made on it; aerie image check --accept takes it as it is",
			      layer->path, above->path);
	return true;
}

bool image_open(struct image *image, const char *path, unsigned int how, char *why)
{
	struct image_layer *last;
	char *below;

	image->nr = 0;
	if (!open_layer(image, xstrdup(path), how, why))
		return false;
	how &= ~(IMAGE_WRITE | IMAGE_DIRECT);
	for (;;) {
		last = &image->layer[image->nr - 1];
		if (last->manifest < 0 || last->info.base == AERIE_BASE_NONE)
			return true;
		if (image->nr == AERIE_IMAGE_LAYERS_MAX)
			return refuse(why, "more than %d images lie below one another",
				      AERIE_IMAGE_LAYERS_MAX);
		below = base_path(last);
		if (!below)
			return refuse(why, "%s: %s", last->path, strerror(errno));
		if (!open_layer(image, below, how, why))
			return false;
	}
}

void image_close(struct image *image)
{
	while (image->nr) {
		struct image_layer *layer = &image->layer[--image->nr];

		if (layer->manifest >= 0)
			close(layer->manifest);
		if (layer->data >= 0)
			close(layer->data);
		free(layer->path);
		free(layer->map);
	}
}

/* ---- Reading -------------------------------------------------------------- */

enum aerie_chunk_state image_state(const struct image_layer *layer, uint32_t n)
{
	uint32_t crc;

	return aerie_image_entry_state(n, layer->map[n], &crc);
}

uint32_t image_count(const struct image_layer *layer, enum aerie_chunk_state state)
{
	uint32_t n, count = 0;

	for (n = 0; layer->map && n < layer->info.nr; n++)
		count += image_state(layer, n) == state;
	return count;
}

bool image_verify(const struct image_layer *layer, uint32_t n, bool *same, char *why)
{
	uint32_t len = aerie_image_chunk_len(&layer->info, n), crc;
	void *buf;

	*same = true;
	if (aerie_image_entry_state(n, layer->map[n], &crc) != AERIE_CHUNK_SEALED)
		return true;
	buf = xcalloc(1, len);
	if (!read_all(layer->data, buf, len, (uint64_t)n << layer->info.shift)) {
		free(buf);
		return refuse(why, "%s/data cannot be read: %s", layer->path, strerror(errno));
	}
	*same = aerie_image_crc(0, buf, len) == crc;
	free(buf);
	return true;
}

/* @len bytes of one chunk, or of a plain file. False: nothing, and why not. */
static bool read_layer(const struct image_layer *layer, uint64_t pos, void *buf, uint64_t len,
		       char *why)
{
	bool same = true;

	if (layer->map && !image_verify(layer, pos >> layer->info.shift, &same, why))
		return false;
	if (!same)
		return refuse(why, "chunk %u of %s is damaged", (uint32_t)(pos >> layer->info.shift),
			      layer->path);
	if (!read_all(layer->data, buf, len, pos))
		return refuse(why, "%s cannot be read: %s", layer->path, strerror(errno));
	return true;
}

/* The layer that holds @pos, or NULL: zeroes; and for how many of @len bytes. */
static const struct image_layer *find(const struct image *image, size_t from, uint64_t pos,
				      uint64_t *len)
{
	for (; from < image->nr; from++) {
		const struct image_layer *layer = &image->layer[from];
		enum aerie_chunk_state state;
		uint64_t left;

		if (pos >= layer->size)
			return NULL;
		left = layer->size - pos;
		*len = *len < left ? *len : left;
		if (!layer->map)
			return layer;
		left = (1ull << layer->info.shift) - pos % (1ull << layer->info.shift);
		*len = *len < left ? *len : left;
		state = image_state(layer, pos >> layer->info.shift);
		if (state == AERIE_CHUNK_ZERO)
			return NULL;
		if (state != AERIE_CHUNK_ABSENT)
			return layer;
	}
	return NULL;
}

bool image_read(struct image *image, size_t from, uint64_t pos, void *buf, uint64_t len,
		char *why)
{
	const struct image_layer *layer;
	uint64_t n;

	for (; len; buf += n, pos += n, len -= n) {
		n = len;
		layer = find(image, from, pos, &n);
		if (!layer)
			memset(buf, 0, n);
		else if (!read_layer(layer, pos, buf, n, why))
			return false;
	}
	return true;
}

/* ---- Making and writing --------------------------------------------------- */

void image_set(struct image_layer *layer, uint32_t n, enum aerie_chunk_state state, uint32_t crc)
{
	layer->map[n] = aerie_image_entry(n, state, crc);
}

bool image_put(struct image_layer *layer, uint64_t pos, const void *buf, uint64_t len, char *why)
{
	if (image_zeroes(buf, len) &&
	    !fallocate(layer->data, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len))
		return true;
	if (!write_all(layer->data, buf, len, pos))
		return refuse(why, "%s cannot be written: %s", layer->path, strerror(errno));
	return true;
}

static bool sync_file(const struct image_layer *layer, int fd, char *why)
{
	return !fsync(fd) || refuse(why, "%s cannot be written: %s", layer->path, strerror(errno));
}

bool image_put_header(struct image_layer *layer, bool same_content, char *why)
{
	struct aerie_image_header header;

	if (!same_content && getrandom(layer->info.content, AERIE_IMAGE_ID, 0) != AERIE_IMAGE_ID)
		return refuse(why, "there are no random numbers: %s", strerror(errno));
	layer->info.seq++;
	aerie_image_header(&layer->info, &header);
	if (!write_all(layer->manifest, &header, sizeof(header), aerie_image_slot(&layer->info)))
		return refuse(why, "%s cannot be written: %s", layer->path, strerror(errno));
	return sync_file(layer, layer->manifest, why);
}

bool image_put_map(struct image_layer *layer, char *why)
{
	if (!sync_file(layer, layer->data, why))
		return false;
	if (!write_all(layer->manifest, layer->map, aerie_image_map_len(&layer->info),
		       AERIE_IMAGE_MAP))
		return refuse(why, "%s cannot be written: %s", layer->path, strerror(errno));
	return sync_file(layer, layer->manifest, why);
}

/* @folder and what is in it outlive a power cut. */
static bool sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool done = fd >= 0 && !fsync(fd);

	if (fd >= 0)
		close(fd);
	return done;
}

static bool make_files(struct image_layer *layer, char *why)
{
	char *folder;
	bool done;

	if (!open_file(&layer->manifest, layer->path, "manifest", O_RDWR | O_CREAT | O_EXCL, why) ||
	    !open_file(&layer->data, layer->path, "data", O_RDWR | O_CREAT | O_EXCL, why) ||
	    !lock(layer->manifest, true, layer->path, why))
		return false;
	if (ftruncate(layer->data, layer->size) ||
	    ftruncate(layer->manifest, AERIE_IMAGE_MAP + aerie_image_map_len(&layer->info)))
		return refuse(why, "%s cannot be made that large: %s", layer->path, strerror(errno));
	if (!sync_file(layer, layer->data, why))
		return false;
	folder = parent(layer->path);
	done = folder && sync_folder(layer->path) && sync_folder(folder);
	free(folder);
	return done || refuse(why, "%s: %s", layer->path, strerror(errno));
}

bool image_make(struct image *image, const char *path, struct aerie_image_info *info, char *why)
{
	struct image_layer *layer = &image->layer[0];
	const char *wrong = aerie_image_wrong(info);

	image->nr = 0;
	if (wrong)
		return refuse(why, "the image %s", wrong);
	if (mkdir(path, 0777))
		return refuse(why, "%s: %s", path, strerror(errno));
	info->nr = ((info->size - 1) >> info->shift) + 1;
	*layer = (struct image_layer){ .path = xstrdup(path), .manifest = -1, .data = -1,
				       .size = info->size, .info = *info };
	layer->map = xcalloc(info->nr, 8);
	image->nr = 1;
	if (make_files(layer, why))
		return true;
	image_unmake(path);
	return false;
}

void image_unmake(const char *path)
{
	static const char *const names[] = { "manifest", "data" };
	unsigned int i;
	char *file;

	for (i = 0; i < 2; i++) {
		file = join(path, names[i]);
		unlink(file);
		free(file);
	}
	rmdir(path);
}

/* From the folder that the image is in where the base is in it too; else from the root. */
static bool name_base(struct aerie_image_info *info, const char *path, const char *base, char *why)
{
	char *whole = realpath(base, NULL), *copy = xstrdup(path), *slash, *folder;
	const char *name;
	size_t len;

	/* The image itself need not be there yet. */
	for (slash = copy + strlen(copy); slash > copy + 1 && slash[-1] == '/';)
		*--slash = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		slash[slash == copy] = '\0';
	folder = realpath(slash ? copy : ".", NULL);
	free(copy);
	if (!whole || !folder) {
		refuse(why, "%s: %s", whole ? path : base, strerror(errno));
		free(whole);
		free(folder);
		return false;
	}
	len = strlen(folder);
	name = !strncmp(whole, folder, len) && whole[len] == '/' ? whole + len + 1 : whole;
	len = strlen(name);
	if (len < AERIE_IMAGE_PATH_MAX)
		strcpy(info->base_path, name);
	free(whole);
	free(folder);
	return len < AERIE_IMAGE_PATH_MAX || refuse(why, "the path of %s is too long", base);
}

bool image_set_base(struct aerie_image_info *info, const char *path, const struct image *base,
		    char *why)
{
	const struct image_layer *layer = &base->layer[0];

	info->base = layer->map ? AERIE_BASE_IMAGE : AERIE_BASE_RAW;
	info->base_size = layer->size;
	info->base_mtime_s = info->base_mtime_ns = 0;
	memcpy(info->base_content, layer->info.content, AERIE_IMAGE_ID);
	if (!layer->map && !plain_time(layer, &info->base_mtime_s, &info->base_mtime_ns))
		return refuse(why, "%s: %s", layer->path, strerror(errno));
	return name_base(info, path, layer->path, why);
}
