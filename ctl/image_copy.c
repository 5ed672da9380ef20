// SPDX-License-Identifier: GPL-2.0
/* What is done with whole images: copied, checked, taken apart, put together, committed. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image_copy.h"
#include "mem.h"

extern char **environ;

static bool __attribute__((format(printf, 2, 3))) refuse(char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, IMAGE_WHY, fmt, ap);
	va_end(ap);
	return false;
}

static bool sync_fd(int fd, const char *path, char *why)
{
	return !fsync(fd) || refuse(why, "%s cannot be written: %s", path, strerror(errno));
}

static uint64_t begin_of(const struct aerie_image_info *info, uint32_t n)
{
	return (uint64_t)n << info->shift;
}

/* ---- Converting ----------------------------------------------------------- */

/* Nothing but a hole, of a plain file, up to what @pos is set to? */
static bool skip_hole(const struct image *from, uint64_t *pos)
{
	const struct image_layer *layer = &from->layer[0];
	off_t next;

	if (layer->map)
		return false;
	next = lseek(layer->data, *pos, SEEK_DATA);
	if (next < 0 && errno == ENXIO)
		next = layer->size;
	if (next < 0 || (uint64_t)next <= *pos)
		return false;
	*pos = next;
	return true;
}

bool image_fill(struct image *from, struct image *to, char *why)
{
	struct image_layer *layer = &to->layer[0];
	const struct aerie_image_info *info = &layer->info;
	void *buf = xcalloc(1, 1u << info->shift);
	bool done = true;
	uint64_t pos;
	uint32_t n, len;

	for (n = 0; done && n < info->nr; n++) {
		pos = begin_of(info, n);
		if (skip_hole(from, &pos) && pos >> info->shift > n) {
			n = (pos >> info->shift) - 1;
			continue;
		}
		len = aerie_image_chunk_len(info, n);
		done = image_read(from, 0, begin_of(info, n), buf, len, why);
		if (!done || image_zeroes(buf, len))
			continue;
		done = image_put(layer, begin_of(info, n), buf, len, why);
		image_set(layer, n, AERIE_CHUNK_SEALED, aerie_image_crc(0, buf, len));
	}
	free(buf);
	return done && image_put_map(layer, why) && image_put_header(layer, false, why);
}

bool image_to_raw(struct image *from, const char *path, char *why)
{
	const uint64_t piece = 1 << 16;
	uint64_t size = from->layer[0].size, pos, len;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	char *buf = xcalloc(1, piece);
	bool done;

	if (fd < 0) {
		free(buf);
		return refuse(why, "%s: %s", path, strerror(errno));
	}
	done = !ftruncate(fd, size);
	if (!done)
		refuse(why, "%s cannot be made that large: %s", path, strerror(errno));
	for (pos = 0; done && pos < size; pos += len) {
		len = size - pos < piece ? size - pos : piece;
		done = image_read(from, 0, pos, buf, len, why);
		if (done && !image_zeroes(buf, len) && !write_all(fd, buf, len, pos))
			done = refuse(why, "%s cannot be written: %s", path, strerror(errno));
	}
	done = done && sync_fd(fd, path, why);
	close(fd);
	free(buf);
	if (!done)
		unlink(path);
	return done;
}

/* Start a program whose stderr is the pipe *@from; its number or -errno. */
static pid_t start(char *const argv[], FILE **from)
{
	posix_spawn_file_actions_t actions;
	int fds[2], err;
	pid_t pid;

	*from = NULL;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	*from = fdopen(fds[0], "r");
	if (!*from)
		out_of_memory();
	return err ? -err : pid;
}

bool image_from_other(const char *path, const char *format, const char *raw, char *why)
{
	char *const argv[] = { "qemu-img", "convert", "-q", "-f", (char *)format, "-O", "raw",
			       "--", (char *)path, (char *)raw, NULL };
	char said[512] = "", more[512];
	FILE *from;
	int status;
	pid_t pid = start(argv, &from);

	if (pid > 0) {
		if (fgets(said, sizeof(said), from))
			said[strcspn(said, "\n")] = '\0';
		while (fgets(more, sizeof(more), from))
			;
		while (waitpid(pid, &status, 0) < 0)
			;
	}
	if (from)
		fclose(from);
	if (pid == -ENOENT)
		return refuse(why, "%s is read by qemu-img, which is not installed: see the package qemu-utils",
			      path);
	if (pid < 0)
		return refuse(why, "qemu-img: %s", strerror(-pid));
	return (WIFEXITED(status) && !WEXITSTATUS(status)) ||
	       refuse(why, "%s cannot be read as %s: %s", path, format, said);
}

/* ---- Checksums ------------------------------------------------------------ */

bool image_check(const struct image_layer *layer, struct image_found *found, char *why)
{
	uint32_t n;
	bool same;

	*found = (struct image_found){};
	for (n = 0; layer->map && n < layer->info.nr; n++) {
		if (image_state(layer, n) != AERIE_CHUNK_SEALED)
			continue;
		if (!image_verify(layer, n, &same, why))
			return false;
		found->checked++;
		if (!same && !found->damaged++)
			found->first_damaged = n;
	}
	return true;
}

/* The checksum of a chunk as it is now. */
static bool checksum(const struct image_layer *layer, uint32_t n, void *buf, uint32_t *crc,
		     char *why)
{
	uint32_t len = aerie_image_chunk_len(&layer->info, n);

	if (!read_all(layer->data, buf, len, begin_of(&layer->info, n)))
		return refuse(why, "%s/data cannot be read: %s", layer->path, strerror(errno));
	*crc = aerie_image_crc(0, buf, len);
	return true;
}

static bool seal_all(struct image_layer *layer, uint32_t *sealed, char *why)
{
	void *buf = xcalloc(1, 1u << layer->info.shift);
	bool done = true;
	uint32_t n, crc;

	*sealed = 0;
	for (n = 0; done && n < layer->info.nr; n++) {
		if (image_state(layer, n) != AERIE_CHUNK_OPEN)
			continue;
		done = checksum(layer, n, buf, &crc, why);
		image_set(layer, n, AERIE_CHUNK_SEALED, crc);
		++*sealed;
	}
	free(buf);
	return done;
}

bool image_seal(struct image_layer *layer, uint32_t *sealed, char *why)
{
	return seal_all(layer, sealed, why) && (!*sealed || image_put_map(layer, why));
}

/* ---- Parts ---------------------------------------------------------------- */

/* The chunks that an image has, one after the other, in files of @size bytes. */
struct parts {
	const char *folder;
	uint64_t size, left;		/* of a part, and of the one that is open */
	uint32_t nr;			/* how many have been opened */
	int fd;
	char path[AERIE_IMAGE_PATH_MAX + 32];
};

static bool part_next(struct parts *p, int flags, char *why)
{
	if (p->fd >= 0)
		close(p->fd);
	snprintf(p->path, sizeof(p->path), "%.*s/part.%04u", AERIE_IMAGE_PATH_MAX, p->folder, p->nr);
	p->fd = open(p->path, flags | O_CLOEXEC, 0666);
	if (p->fd < 0)
		return refuse(why, "%s: %s", p->path, strerror(errno));
	p->nr++;
	p->left = p->size;
	return true;
}

static bool part_write(struct parts *p, const void *buf, uint64_t len, char *why)
{
	uint64_t n;

	for (; len; buf += n, len -= n, p->left -= n) {
		if (!p->left && ((p->fd >= 0 && !sync_fd(p->fd, p->path, why)) ||
				 !part_next(p, O_WRONLY | O_CREAT | O_EXCL, why)))
			return false;
		n = len < p->left ? len : p->left;
		if (!write_all(p->fd, buf, n, p->size - p->left))
			return refuse(why, "%s cannot be written: %s", p->path, strerror(errno));
	}
	return true;
}

/* Each part is as long as it is: nobody has to say how long they were made. */
static bool part_read(struct parts *p, void *buf, uint64_t len, char *why)
{
	struct stat st;
	uint64_t n;

	for (; len; buf += n, len -= n, p->left -= n) {
		while (!p->left) {
			if (!part_next(p, O_RDONLY, why))
				return false;
			if (fstat(p->fd, &st) || !S_ISREG(st.st_mode))
				return refuse(why, "%s is no part of an image", p->path);
			p->size = p->left = st.st_size;
		}
		n = len < p->left ? len : p->left;
		if (!read_all(p->fd, buf, n, p->size - p->left))
			return refuse(why, "%s cannot be read: %s", p->path, strerror(errno));
	}
	return true;
}

static bool in_data(const struct image_layer *layer, uint32_t n)
{
	enum aerie_chunk_state state = image_state(layer, n);

	return state == AERIE_CHUNK_OPEN || state == AERIE_CHUNK_SEALED;
}

/* The manifest of the parts: all its chunks sealed. */
static bool put_manifest(const struct image_layer *layer, const char *folder, char *why)
{
	struct aerie_image_header header;
	char path[AERIE_IMAGE_PATH_MAX + 32];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "%.*s/manifest", AERIE_IMAGE_PATH_MAX, folder);
	aerie_image_header(&layer->info, &header);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	done = fd >= 0 &&
	       write_all(fd, &header, sizeof(header), aerie_image_slot(&layer->info)) &&
	       write_all(fd, layer->map, aerie_image_map_len(&layer->info), AERIE_IMAGE_MAP) &&
	       !fsync(fd);
	if (!done)
		refuse(why, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return done;
}

static bool split_chunks(struct image_layer *layer, struct parts *p, char *why)
{
	void *buf = xcalloc(1, 1u << layer->info.shift);
	uint32_t n, len, crc;
	bool done = true, same;

	for (n = 0; done && n < layer->info.nr; n++) {
		if (!in_data(layer, n))
			continue;
		len = aerie_image_chunk_len(&layer->info, n);
		done = image_verify(layer, n, &same, why);
		if (done && !same)
			done = refuse(why, "chunk %u of %s is damaged", n, layer->path);
		done = done && checksum(layer, n, buf, &crc, why) && part_write(p, buf, len, why);
		if (done)
			image_set(layer, n, AERIE_CHUNK_SEALED, crc);
	}
	free(buf);
	return done;
}

bool image_split(struct image *image, const char *path, uint64_t part, uint32_t *nr, char *why)
{
	struct parts p = { .folder = path, .size = part, .fd = -1 };
	bool done;

	if (mkdir(path, 0777))
		return refuse(why, "%s: %s", path, strerror(errno));
	done = split_chunks(&image->layer[0], &p, why) &&
	       (p.fd < 0 || sync_fd(p.fd, p.path, why)) &&
	       put_manifest(&image->layer[0], path, why);
	if (p.fd >= 0)
		close(p.fd);
	*nr = p.nr;
	/* What was written is left for people to look at: it has no manifest. */
	return done;
}

/* The manifest of parts, as a layer without data. */
static bool get_manifest(struct image_layer *layer, const char *folder, char *why)
{
	static struct { _Alignas(8) char head[AERIE_IMAGE_MAP]; } buf;
	char path[AERIE_IMAGE_PATH_MAX + 32];
	const char *wrong;
	struct stat st;
	uint32_t n, crc;

	snprintf(path, sizeof(path), "%.*s/manifest", AERIE_IMAGE_PATH_MAX, folder);
	layer->manifest = open(path, O_RDONLY | O_CLOEXEC);
	if (layer->manifest < 0 || fstat(layer->manifest, &st))
		return refuse(why, "%s: %s", path, strerror(errno));
	if (st.st_size < AERIE_IMAGE_MAP || !read_all(layer->manifest, buf.head, AERIE_IMAGE_MAP, 0))
		return refuse(why, "%s was cut short", path);
	wrong = aerie_image_parse(buf.head, st.st_size, &layer->info);
	if (wrong)
		return refuse(why, "the image %s %s", folder, wrong);
	layer->map = xcalloc(layer->info.nr, 8);
	if (!read_all(layer->manifest, layer->map, aerie_image_map_len(&layer->info),
		      AERIE_IMAGE_MAP))
		return refuse(why, "%s cannot be read: %s", path, strerror(errno));
	for (n = 0; n < layer->info.nr; n++)
		if (aerie_image_entry_state(n, layer->map[n], &crc) < 0)
			return refuse(why, "the map of %s is damaged, at chunk %u", folder, n);
	return true;
}

static bool join_chunks(const struct image_layer *from, struct image_layer *to, struct parts *p,
			char *why)
{
	void *buf = xcalloc(1, 1u << to->info.shift);
	uint32_t n, len, crc;
	bool done = true;

	for (n = 0; done && n < to->info.nr; n++) {
		to->map[n] = from->map[n];
		if (!in_data(from, n))
			continue;
		len = aerie_image_chunk_len(&to->info, n);
		done = part_read(p, buf, len, why);
		if (done && aerie_image_entry_state(n, from->map[n], &crc) == AERIE_CHUNK_SEALED &&
		    aerie_image_crc(0, buf, len) != crc)
			done = refuse(why, "%s is damaged: chunk %u of the image", p->path, n);
		done = done && image_put(to, begin_of(&to->info, n), buf, len, why);
	}
	free(buf);
	return done;
}

static bool join_into(const struct image_layer *from, const char *path, const char *to, char *why)
{
	struct parts p = { .folder = path, .fd = -1 };
	struct aerie_image_info info = from->info;
	struct image image;
	bool done;

	if (!image_make(&image, to, &info, why)) {
		image_close(&image);
		return false;
	}
	/* It is the same image: what was made on it takes it for that. */
	memcpy(image.layer[0].info.content, from->info.content, AERIE_IMAGE_ID);
	done = join_chunks(from, &image.layer[0], &p, why) && image_put_map(&image.layer[0], why) &&
	       image_put_header(&image.layer[0], true, why);
	if (p.fd >= 0)
		close(p.fd);
	if (!done)
		image_unmake(to);
	image_close(&image);
	return done;
}

bool image_join(const char *path, const char *to, char *why)
{
	struct image_layer from = { .manifest = -1, .data = -1 };
	bool done = get_manifest(&from, path, why) && join_into(&from, path, to, why);

	if (from.manifest >= 0)
		close(from.manifest);
	free(from.map);
	return done;
}

/* ---- Commit --------------------------------------------------------------- */

/*
 * At any time the image, seen with its base, holds the same: what of the base changes lies
 * below chunks that the image has, until the last step empties it.
 */

/* Has the image anything in that range? */
static bool covers(const struct image_layer *layer, uint64_t pos, uint64_t len)
{
	uint64_t end = pos + len < layer->size ? pos + len : layer->size;
	uint32_t n;

	for (n = pos >> layer->info.shift; pos < end && begin_of(&layer->info, n) < end; n++)
		if (image_state(layer, n) != AERIE_CHUNK_ABSENT)
			return true;
	return false;
}

/* Who finds the base half written takes its chunks as they are. */
static bool open_base(struct image_layer *top, struct image_layer *base, char *why)
{
	uint32_t n;
	bool same;

	for (n = 0; n < base->info.nr; n++) {
		if (!covers(top, begin_of(&base->info, n), aerie_image_chunk_len(&base->info, n)))
			continue;
		if (!image_verify(base, n, &same, why))
			return false;
		if (!same)
			return refuse(why, "chunk %u of %s is damaged", n, base->path);
		if (image_state(base, n) == AERIE_CHUNK_SEALED)
			image_set(base, n, AERIE_CHUNK_OPEN, 0);
	}
	if (!image_put_header(base, false, why))
		return false;
	memcpy(top->info.base_content, base->info.content, AERIE_IMAGE_ID);
	return image_put_header(top, true, why) && image_put_map(base, why);
}

static bool commit_chunk(struct image *image, uint32_t n, void *buf, char *why)
{
	struct image_layer *base = &image->layer[1];
	uint64_t pos = begin_of(&base->info, n);
	uint32_t len = aerie_image_chunk_len(&base->info, n), own = len;
	bool zeroes;

	/* What is beyond the end of the image stays. */
	if (pos + len > image->layer[0].size)
		own = image->layer[0].size - pos;
	if (!image_read(image, 0, pos, buf, own, why) ||
	    !image_read(image, 1, pos + own, buf + own, len - own, why) ||
	    !image_put(base, pos, buf, len, why))
		return false;
	zeroes = image_zeroes(buf, len);
	image_set(base, n, !zeroes ? AERIE_CHUNK_SEALED :
		  base->info.base == AERIE_BASE_NONE ? AERIE_CHUNK_ABSENT : AERIE_CHUNK_ZERO,
		  zeroes ? 0 : aerie_image_crc(0, buf, len));
	return true;
}

/* @again is the base once more, which it is written by. */
static bool commit_image(struct image *image, const struct image *again, uint32_t *chunks,
			 char *why)
{
	struct image_layer *top = &image->layer[0], *base = &image->layer[1];
	void *buf = xcalloc(1, 1u << base->info.shift);
	bool done = open_base(top, base, why);
	uint32_t n;

	for (n = 0; done && n < base->info.nr; n++) {
		if (!covers(top, begin_of(&base->info, n), aerie_image_chunk_len(&base->info, n)))
			continue;
		done = commit_chunk(image, n, buf, why);
		++*chunks;
	}
	free(buf);
	return done && image_put_map(base, why);
}

static bool commit_raw(struct image *image, const struct image *again, uint32_t *chunks,
		       char *why)
{
	struct image_layer *top = &image->layer[0], *base = &image->layer[1];
	void *buf = xcalloc(1, 1u << top->info.shift);
	bool done = true;
	uint32_t n, len;

	for (n = 0; done && n < top->info.nr; n++) {
		if (image_state(top, n) == AERIE_CHUNK_ABSENT)
			continue;
		len = aerie_image_chunk_len(&top->info, n);
		done = image_read(image, 0, begin_of(&top->info, n), buf, len, why) &&
		       image_put(base, begin_of(&top->info, n), buf, len, why);
		++*chunks;
	}
	free(buf);
	if (!done || !sync_fd(base->data, base->path, why) ||
	    !image_set_base(&top->info, top->path, again, why))
		return false;
	return image_put_header(top, true, why);
}

static bool empty(struct image_layer *layer, char *why)
{
	memset(layer->map, 0, aerie_image_map_len(&layer->info));
	if (!image_put_map(layer, why))
		return false;
	if (ftruncate(layer->data, 0) || ftruncate(layer->data, layer->size))
		return refuse(why, "%s/data cannot be emptied: %s", layer->path, strerror(errno));
	return true;
}

/* The base, as a file that is written, by nobody else. */
static bool reopen_base(struct image_layer *base, struct image *again, char *why)
{
	if (flock(base->map ? base->manifest : base->data, LOCK_UN))
		return refuse(why, "%s cannot be unlocked: %s", base->path, strerror(errno));
	return image_open(again, base->path, IMAGE_WRITE, why);
}

bool image_commit(struct image *image, uint32_t *chunks, char *why)
{
	struct image_layer *top = &image->layer[0], *base = &image->layer[1];
	static struct image again;
	bool done;

	*chunks = 0;
	if (image->nr < 2)
		return refuse(why, "%s has no base", top->path);
	if (top->size > base->size)
		return refuse(why, "%s is larger than its base %s", top->path, base->path);
	if (!reopen_base(base, &again, why)) {
		image_close(&again);
		return false;
	}
	close(base->data);
	base->data = dup(again.layer[0].data);
	if (base->map) {
		close(base->manifest);
		base->manifest = dup(again.layer[0].manifest);
	}
	if (memcmp(base->info.content, again.layer[0].info.content, AERIE_IMAGE_ID))
		done = refuse(why, "%s was changed meanwhile", base->path);
	else
		done = (base->map ? commit_image : commit_raw)(image, &again, chunks, why) &&
		       empty(top, why);
	image_close(&again);
	return done;
}
