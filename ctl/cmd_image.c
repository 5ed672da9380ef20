// SPDX-License-Identifier: GPL-2.0
/* aerie image: create, convert, info, check, split, join, commit. None of them needs the module. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "image_copy.h"
#include "mem.h"
#include "out.h"
#include "text.h"

#define CHUNK_DEFAULT	65536u

const struct option_def opts_image[] = {
	{ .name = "size", .arg = "SIZE",
	  .help = "create: of the disk; without it the base's" },
	{ .name = "base", .arg = "IMAGE",
	  .help = "create: what lies below, an image, file or block device" },
	{ .name = "chunk", .arg = "SIZE",
	  .help = "create, convert: of a chunk, 4K to 16M; default 64K" },
	{ .name = "from", .arg = "FORMAT",
	  .help = "convert: raw, qcow2, vmdk or vdi, whatever the name ends in" },
	{ .name = "to", .arg = "FORMAT",
	  .help = "convert: image or raw; default image" },
	{ .name = "accept", .help = "check: the base is right as it is now" },
	{ .name = "seal", .help = "check: give checksums to chunks that have none" },
	{ .name = "part", .arg = "SIZE",
	  .help = "split: bytes of a part; default 1G" },
	OPTION_JSON,
	OPTION_QUIET,
	OPTION_END
};

static enum status failed(const struct args *args, const char *why)
{
	complain(NULL, "image %s: %s", args->operand[0], why);
	return STATUS_FAILED;
}

/* ---- Sizes ---------------------------------------------------------------- */

static enum status read_chunk(const struct args *args, struct aerie_image_info *info)
{
	const char *text = args_value(args, "chunk");
	uint64_t chunk = CHUNK_DEFAULT;

	if (text && (!parse_size(text, &chunk) || chunk & (chunk - 1) ||
		     chunk < 1ull << AERIE_IMAGE_SHIFT_MIN || chunk > 1ull << AERIE_IMAGE_SHIFT_MAX))
		return usage(args, "--chunk '%s' is no power of two from 4K to 16M", text);
	info->shift = __builtin_ctzll(chunk);
	return STATUS_OK;
}

/* Disks that are too large for that many chunks of the default size have larger ones. */
static void fit_chunk(const struct args *args, struct aerie_image_info *info)
{
	while (!args_has(args, "chunk") && info->shift < AERIE_IMAGE_SHIFT_MAX && info->size &&
	       (info->size - 1) >> info->shift >= AERIE_IMAGE_CHUNKS_MAX)
		info->shift++;
}

/* ---- Create --------------------------------------------------------------- */

static enum status create_on(const struct args *args, const char *path,
			     struct aerie_image_info *info)
{
	const char *below = args_value(args, "base");
	struct image base = {}, image = {};
	char why[IMAGE_WHY];
	bool done = true;

	if (below)
		done = image_open(&base, below, 0, why) && image_set_base(info, path, &base, why);
	if (done && !info->size)
		info->size = base.layer[0].size / 512 * 512;
	fit_chunk(args, info);
	done = done && image_make(&image, path, info, why);
	if (done) {
		done = image_put_header(&image.layer[0], false, why);
		if (!done)
			image_unmake(path);
	}
	image_close(&image);
	image_close(&base);
	return done ? STATUS_OK : failed(args, why);
}

static enum status create(const struct args *args, const char *path, const char *to)
{
	const char *size = args_value(args, "size");
	struct aerie_image_info info = {};
	enum status status = read_chunk(args, &info);
	char text[TEXT_LEN];

	if (status != STATUS_OK)
		return status;
	if (!size && !args_has(args, "base"))
		return usage(args, "--size SIZE is missing, or --base IMAGE");
	if (size && (!parse_size(size, (uint64_t *)&info.size) || !info.size || info.size % 512))
		return usage(args, "--size '%s' is no size of whole sectors, write 20G", size);
	status = create_on(args, path, &info);
	if (status == STATUS_OK)
		tell(args, path, "an image of %s in chunks of %u KiB", text_size(info.size, text),
		     1u << (info.shift - 10));
	return status;
}

/* ---- Convert -------------------------------------------------------------- */

static const char *const others[] = { "qcow2", "vmdk", "vdi", NULL };

/*
 * What qemu-img is to take the file for, or NULL: it is an image or a plain file. By its
 * name, never by its content, which a guest may have written.
 */
static enum status other_format(const struct args *args, const char *path, const char **format)
{
	const char *from = args_value(args, "from"), *ending = strrchr(path, '.');
	size_t i;

	*format = NULL;
	if (from && !strcmp(from, "raw"))
		return STATUS_OK;
	for (i = 0; others[i]; i++)
		if (from ? !strcmp(from, others[i]) : ending && !strcasecmp(ending + 1, others[i]))
			*format = others[i];
	if (from && !*format)
		return usage(args, "--from '%s' is none of raw, qcow2, vmdk, vdi", from);
	return STATUS_OK;
}

/* What qemu-img reads goes to a file that is open, and has no name any more. */
static bool read_other(const char *path, const char *format, const char *to, struct image *from,
		       char *why)
{
	char *folder, *raw;
	bool done;

	if (asprintf(&folder, "%s.XXXXXX", to) < 0)
		out_of_memory();
	if (!mkdtemp(folder)) {
		snprintf(why, IMAGE_WHY, "%s: %s", to, strerror(errno));
		free(folder);
		return false;
	}
	if (asprintf(&raw, "%s/raw", folder) < 0)
		out_of_memory();
	done = image_from_other(path, format, raw, why) && image_open(from, raw, 0, why);
	unlink(raw);
	rmdir(folder);
	free(raw);
	free(folder);
	return done;
}

static bool convert_to(const struct args *args, struct image *from, const char *to,
		       struct aerie_image_info *info, char *why)
{
	const char *format = args_value(args, "to");
	struct image image = {};
	bool done;

	if (format && !strcmp(format, "raw"))
		return image_to_raw(from, to, why);
	info->size = (from->layer[0].size + 511) / 512 * 512;
	fit_chunk(args, info);
	done = image_make(&image, to, info, why);
	if (done) {
		done = image_fill(from, &image, why);
		if (!done)
			image_unmake(to);
	}
	image_close(&image);
	return done;
}

static enum status convert(const struct args *args, const char *path, const char *to)
{
	const char *format, *as = args_value(args, "to");
	struct aerie_image_info info = {};
	enum status status = read_chunk(args, &info);
	struct image from = {};
	char why[IMAGE_WHY];
	bool done;

	if (status == STATUS_OK)
		status = other_format(args, path, &format);
	if (status != STATUS_OK)
		return status;
	if (as && strcmp(as, "raw") && strcmp(as, "image"))
		return usage(args, "--to '%s' is neither image nor raw", as);
	if (as && !strcmp(as, "raw") && args_has(args, "chunk"))
		return usage(args, "a plain file has no --chunk");
	if (!access(to, F_OK)) {
		snprintf(why, sizeof(why), "%s: %s", to, strerror(EEXIST));
		return failed(args, why);
	}
	done = format ? read_other(path, format, to, &from, why) :
			image_open(&from, path, 0, why);
	done = done && convert_to(args, &from, to, &info, why);
	image_close(&from);
	if (!done)
		return failed(args, why);
	tell(args, to, "made of %s", path);
	return STATUS_OK;
}

/* ---- Info and check ------------------------------------------------------- */

static const char *kind(const struct image_layer *layer)
{
	return layer->map ? "image" : "file";
}

static uint64_t used(const struct image_layer *layer)
{
	struct stat st;

	return fstat(layer->data, &st) ? 0 : (uint64_t)st.st_blocks * 512;
}

static const char *use(const struct image_layer *layer)
{
	int fd = layer->map ? layer->manifest : layer->data;

	if (layer->base_changed)
		return "changed";
	if (flock(fd, LOCK_EX | LOCK_NB))
		return "in use";
	flock(fd, LOCK_UN);
	return "free";
}

static void print(const struct args *args, struct out_table *table)
{

	out_table_print(table, args_has(args, "json"));
	out_table_free(table);
}

static enum status info(const struct args *args, const char *path, const char *to)
{
	static const struct out_col cols[] = {
		{ "LAYER", OUT_STR }, { "KIND", OUT_STR }, { "SIZE", OUT_SIZE },
		{ "CHUNK", OUT_SIZE }, { "SEALED", OUT_U64 }, { "OPEN", OUT_U64 },
		{ "ZERO", OUT_U64 }, { "USED", OUT_SIZE }, { "STATE", OUT_STR },
	};
	struct out_table *table;
	struct image image;
	char why[IMAGE_WHY];
	bool done = image_open(&image, path, IMAGE_UNLOCKED | IMAGE_ANY_BASE, why);
	size_t i;

	if (!done) {
		image_close(&image);
		return failed(args, why);
	}
	table = out_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	for (i = 0; i < image.nr; i++) {
		const struct image_layer *l = &image.layer[i];
		const struct out_val vals[] = {
			{ .str = l->path }, { .str = kind(l) }, { .u64 = l->size },
			{ .u64 = l->map ? 1ull << l->info.shift : 0, .none = !l->map },
			{ .u64 = image_count(l, AERIE_CHUNK_SEALED), .none = !l->map },
			{ .u64 = image_count(l, AERIE_CHUNK_OPEN), .none = !l->map },
			{ .u64 = image_count(l, AERIE_CHUNK_ZERO), .none = !l->map },
			{ .u64 = used(l) }, { .str = use(l) },
		};

		out_table_row(table, vals);
	}
	print(args, table);
	image_close(&image);
	return STATUS_OK;
}

/* The base that the image has now is the right one. */
static bool take_base(const struct args *args, struct image *image, char *why)
{
	struct image_layer *top = &image->layer[0];
	struct image base = { .nr = 1, .layer[0] = image->layer[1] };

	if (image->nr < 2) {
		snprintf(why, IMAGE_WHY, "%s has no base", top->path);
		return false;
	}
	if (!image_set_base(&top->info, top->path, &base, why) ||
	    !image_put_header(top, true, why))
		return false;
	image->layer[1].base_changed = false;
	tell(args, top->path, "its base %s is taken as it is", base.layer[0].path);
	return true;
}

static bool check_changes(const struct args *args, struct image *image, char *why)
{
	uint32_t sealed;

	if (args_has(args, "accept") && !take_base(args, image, why))
		return false;
	if (!args_has(args, "seal"))
		return true;
	if (!image->layer[0].map) {
		snprintf(why, IMAGE_WHY, "%s is no image", image->layer[0].path);
		return false;
	}
	if (!image_seal(&image->layer[0], &sealed, why))
		return false;
	tell(args, image->layer[0].path, "%u chunks have got a checksum", sealed);
	return true;
}

static bool check_layers(const struct args *args, struct image *image, bool *sound, char *why)
{
	static const struct out_col cols[] = {
		{ "LAYER", OUT_STR }, { "KIND", OUT_STR }, { "CHECKED", OUT_U64 },
		{ "OPEN", OUT_U64 }, { "DAMAGED", OUT_U64 }, { "FIRST", OUT_U64 },
		{ "STATE", OUT_STR },
	};
	struct out_table *table = out_table_new(cols, sizeof(cols) / sizeof(cols[0]));
	struct image_found found;
	size_t i;

	for (i = 0; i < image->nr; i++) {
		const struct image_layer *l = &image->layer[i];

		if (!image_check(l, &found, why)) {
			out_table_free(table);
			return false;
		}
		const struct out_val vals[] = {
			{ .str = l->path }, { .str = kind(l) },
			{ .u64 = found.checked, .none = !l->map },
			{ .u64 = image_count(l, AERIE_CHUNK_OPEN), .none = !l->map },
			{ .u64 = found.damaged, .none = !l->map },
			{ .u64 = found.first_damaged, .none = !found.damaged },
			{ .str = l->base_changed ? "changed" : found.damaged ? "damaged" : "sound" },
		};

		out_table_row(table, vals);
		*sound = *sound && !found.damaged && !l->base_changed;
	}
	if (args_has(args, "quiet") && !args_has(args, "json"))
		out_table_free(table);
	else
		print(args, table);
	return true;
}

static enum status check(const struct args *args, const char *path, const char *to)
{
	unsigned int how = args_has(args, "seal") || args_has(args, "accept") ? IMAGE_WRITE : 0;
	struct image image;
	char why[IMAGE_WHY];
	bool sound = true, done;

	done = image_open(&image, path, how | IMAGE_ANY_BASE, why) &&
	       check_changes(args, &image, why) && check_layers(args, &image, &sound, why);
	image_close(&image);
	if (!done)
		return failed(args, why);
	if (sound)
		return STATUS_OK;
	complain(NULL, "image check: %s is not sound: a chunk is damaged or a base was changed", path);
	return STATUS_FAILED;
}

/* ---- Split, join, commit -------------------------------------------------- */

static enum status split(const struct args *args, const char *path, const char *to)
{
	const char *text = args_value(args, "part");
	uint64_t part = 1ull << 30;
	struct image image = {};
	char why[IMAGE_WHY];
	uint32_t nr = 0;
	bool done;

	if (text && (!parse_size(text, &part) || part < 4096))
		return usage(args, "--part '%s' is no size of 4K or more", text);
	done = image_open(&image, path, 0, why);
	if (done && !image.layer[0].map) {
		snprintf(why, sizeof(why), "%s is no image", path);
		done = false;
	}
	done = done && image_split(&image, to, part, &nr, why);
	image_close(&image);
	if (!done)
		return failed(args, why);
	tell(args, to, "a manifest and %u parts", nr);
	return STATUS_OK;
}

static enum status join(const struct args *args, const char *path, const char *to)
{
	char why[IMAGE_WHY];

	if (!image_join(path, to, why))
		return failed(args, why);
	tell(args, to, "put together");
	return STATUS_OK;
}

static enum status commit(const struct args *args, const char *path, const char *to)
{
	struct image image = {};
	char why[IMAGE_WHY];
	uint32_t chunks = 0;
	bool done = image_open(&image, path, IMAGE_WRITE, why) &&
		    image_commit(&image, &chunks, why);

	if (done)
		tell(args, path, "%u chunks written to %s", chunks, image.layer[1].path);
	image_close(&image);
	return done ? STATUS_OK : failed(args, why);
}

/* ---- Which ---------------------------------------------------------------- */

static const struct {
	const char *name;
	enum status (*run)(const struct args *args, const char *path, const char *to);
	const char *options;		/* a blank around each */
	bool to;
} verbs[] = {
	{ "create", create, " size base chunk quiet " },
	{ "convert", convert, " from to chunk quiet ", true },
	{ "info", info, " json " },
	{ "check", check, " seal accept json quiet " },
	{ "split", split, " part quiet ", true },
	{ "join", join, " quiet ", true },
	{ "commit", commit, " quiet " },
};

enum status cmd_image(const struct args *args)
{
	const char *to = args->nr_operands > 2 ? args->operand[2] : NULL;
	char word[32];
	size_t i, j;

	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, args->operand[0]))
			break;
	if (i == sizeof(verbs) / sizeof(verbs[0]))
		return usage(args, "'%s' is none of create, convert, info, check, split, join, commit",
			     args->operand[0]);
	if (verbs[i].to && !to)
		return usage(args, "%s IMAGE TO: TO is missing", verbs[i].name);
	if (!verbs[i].to && to)
		return usage(args, "'%s' is one argument too many", to);
	for (j = 0; j < args->nr_given; j++) {
		snprintf(word, sizeof(word), " %s ", args->given[j].option->name);
		if (!strstr(verbs[i].options, word))
			return usage(args, "%s takes no --%s", verbs[i].name,
				     args->given[j].option->name);
	}
	return verbs[i].run(args, args->operand[1], to);
}
