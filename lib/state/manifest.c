#include "state/manifest.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "state/members.h"
#include "state/sealed.h"

enum { HEX = 32, MOST_TABLES = 1 << 16 };

static const char *const kinds[] = {[STATE_MAP] = "map", [STATE_SET] = "set"};

static void write_hex(char out[static HEX + 1], struct hash128 sum) {
    snprintf(out, HEX + 1, "%016" PRIx64 "%016" PRIx64, sum.high, sum.low);
}

/* ---- writing ---- */

static json_t *pack_run(const struct run *run) {
    char sum[HEX + 1];
    write_hex(sum, run->sum);
    return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:s}", "file", run->file, "bytes",
        (json_int_t)run->bytes, "entries", (json_int_t)run->entries, "longest",
        (json_int_t)run->longest, "least", (json_int_t)run->least, "greatest",
        (json_int_t)run->greatest, "xxh3", sum);
}

static json_t *pack_table(const struct manifest_source *t) {
    json_t *runs = members_list();
    for (size_t i = 0; i < t->n; i++) members_append(runs, pack_run(t->runs[i]));
    if (t->horizon == INT64_MIN)
        return json_pack("{s:s,s:o}", "kind", kinds[t->kind], "runs", runs);
    return json_pack(
        "{s:s,s:I,s:o}", "kind", kinds[t->kind], "forgotten", (json_int_t)t->horizon, "runs", runs);
}

bool manifest_write(int folder, uint64_t epoch, const struct json_t *meta,
    const struct manifest_source *tables, size_t n_tables, uint64_t *bytes, struct err *e) {
    char name[SEALED_NAME];
    struct stat is;
    json_t *all = members_list();
    for (size_t i = 0; i < n_tables; i++) members_append(all, pack_table(&tables[i]));
    json_t *o = json_pack("{s:I,s:O,s:o}", "epoch", (json_int_t)epoch, "meta",
        (json_t *)(uintptr_t)meta, "tables", all);
    if (!sealed_write(folder, MANIFEST_ROLE, epoch, o, e)) return false;
    *bytes = fstatat(folder, sealed_name(name, MANIFEST_ROLE, epoch), &is, 0) == 0
                 ? (uint64_t)is.st_size
                 : 0;
    return true;
}

/* ---- reading ---- */

static bool get_integer(const json_t *of, const char *name, int64_t least, int64_t *out) {
    const json_t *v = json_object_get(of, name);
    *out = json_integer_value(v);
    return json_is_integer(v) && *out >= least;
}

static bool get_size(const json_t *of, const char *name, uint64_t *out) {
    int64_t v;
    bool ok = get_integer(of, name, 0, &v);
    *out = (uint64_t)v;
    return ok;
}

static bool get_sum(const json_t *of, struct hash128 *sum) {
    char again[HEX + 1];
    const char *text = json_string_value(json_object_get(of, "xxh3"));
    if (!text || sscanf(text, "%16" SCNx64 "%16" SCNx64, &sum->high, &sum->low) != 2) return false;
    write_hex(again, *sum);
    return strcmp(again, text) == 0;
}

/* A name of ours leads nowhere else. */
static bool get_file(const json_t *of, char file[static RUN_NAME]) {
    const char *name = json_string_value(json_object_get(of, "file"));
    if (!name || strncmp(name, "run-", 4) != 0 || strlen(name) >= RUN_NAME || strchr(name, '/'))
        return false;
    snprintf(file, RUN_NAME, "%s", name);
    return true;
}

static bool read_run(const json_t *o, struct run *run) {
    return get_file(o, run->file) && get_size(o, "bytes", &run->bytes) &&
           get_size(o, "entries", &run->entries) && get_size(o, "longest", &run->longest) &&
           get_integer(o, "least", INT64_MIN, &run->least) &&
           get_integer(o, "greatest", run->least, &run->greatest) && get_sum(o, &run->sum);
}

static bool read_table(const json_t *o, struct manifest_table *t) {
    const char *kind = json_string_value(json_object_get(o, "kind"));
    const json_t *runs = json_object_get(o, "runs");
    if (!kind || !json_is_array(runs)) return false;
    t->kind = strcmp(kind, kinds[STATE_SET]) == 0 ? STATE_SET : STATE_MAP;
    if (strcmp(kind, kinds[t->kind]) != 0) return false;
    t->horizon = INT64_MIN;
    if (json_object_get(o, "forgotten") && !get_integer(o, "forgotten", INT64_MIN, &t->horizon))
        return false;
    t->n = json_array_size(runs);
    t->runs = mem_zero(t->n, sizeof *t->runs);
    for (size_t i = 0; i < t->n; i++)
        if (!read_run(json_array_get(runs, i), &t->runs[i])) return false;
    return true;
}

static bool read_tables(const json_t *tables, struct manifest *m) {
    size_t n = json_array_size(tables);
    if (!json_is_array(tables) || n > MOST_TABLES) return false;
    m->tables = mem_zero(n, sizeof *m->tables);
    for (; m->n_tables < n; m->n_tables++)
        if (!read_table(json_array_get(tables, m->n_tables), &m->tables[m->n_tables])) {
            m->n_tables++;
            return false;
        }
    return true;
}

static bool read_object(const json_t *o, struct manifest *m, const char *name, struct err *e) {
    uint64_t epoch;
    if (!get_size(o, "epoch", &epoch) || epoch != m->epoch)
        return checkpoint_damaged(e, name, "is the manifest of another epoch");
    m->meta = json_incref(json_object_get(o, "meta"));
    return (json_is_object(m->meta) && read_tables(json_object_get(o, "tables"), m)) ||
           checkpoint_damaged(e, name, "is damaged: its members are not understood");
}

bool manifest_read(struct manifest *m, int folder, uint64_t epoch, struct err *e) {
    char name[SEALED_NAME];
    *m = (struct manifest){.epoch = epoch};
    json_t *o = sealed_read(folder, MANIFEST_ROLE, epoch, e);
    if (!o) return e->code == EXIT_CONFIG && checkpoint_restorable(e);
    bool ok = read_object(o, m, sealed_name(name, MANIFEST_ROLE, epoch), e);
    json_decref(o);
    if (!ok) manifest_free(m);
    return ok;
}

void manifest_free(struct manifest *m) {
    for (size_t i = 0; i < m->n_tables; i++) free(m->tables[i].runs);
    free(m->tables);
    json_decref(m->meta);
    *m = (struct manifest){0};
}

static bool read_text(int folder, const char *name, struct buf *text) {
    enum { MOST_BYTES = 1 << 28 };
    struct stat is;
    struct err ignored;
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return false;
    bool ok = fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_size < MOST_BYTES;
    size_t room = ok ? (size_t)is.st_size : 0;
    ok = ok && io_read_file(fd, buf_reserve(text, room + 1), room, &text->n, &ignored);
    close(fd);
    return ok;
}

void manifest_each_file(
    int folder, uint64_t epoch, void (*named)(void *ctx, const char *file), void *ctx) {
    static const char before[] = "\"file\":\"";
    char name[SEALED_NAME], file[RUN_NAME];
    struct buf text = {0};
    if (read_text(folder, sealed_name(name, MANIFEST_ROLE, epoch), &text)) {
        buf_addc(&text, 0);
        for (const char *at = text.p; (at = strstr(at, before));) {
            at += sizeof before - 1;
            size_t length = strcspn(at, "\"");
            if (length >= RUN_NAME) continue;
            memcpy(file, at, length);
            file[length] = 0;
            named(ctx, file);
        }
    }
    buf_free(&text);
}
