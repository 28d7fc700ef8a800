#include "state/sealed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/io.h"

enum { VERSION = 1, MOST_BYTES = 1 << 30 };
#define CHECK ",\"check\":\""
enum { CHECK_DIGITS = 16, CHECK_BYTES = 10 + CHECK_DIGITS + 3 }; /* ...","\n" */

char *sealed_name(char name[static SEALED_NAME], const char *role, uint64_t epoch) {
    snprintf(name, SEALED_NAME, "%s-%" PRIu64, role, epoch);
    return name;
}

bool sealed_is_named(const char *name, const char *role, uint64_t *epoch) {
    size_t n = strlen(role);
    char again[SEALED_NAME];
    if (strncmp(name, role, n) != 0 || name[n] != '-') return false;
    *epoch = strtoull(name + n + 1, NULL, 10);
    return strcmp(name, sealed_name(again, role, *epoch)) == 0;
}

static void passed(const char *role, const char *step, uint64_t epoch) {
    char point[SEALED_NAME];
    snprintf(point, sizeof point, "%s-%s", role, step);
    crash_point(point, epoch);
}

/* ---- writing ---- */

static int append(const char *p, size_t n, void *out) {
    buf_add(out, p, n);
    return 0;
}

/* The name is sealed in: an earlier file of the same role would be whole, too. */
static void seal(json_t *object, const char *name, struct buf *out) {
    json_object_set_new(object, "version", json_integer(VERSION));
    json_object_set_new(object, "file", json_string(name));
    if (json_dump_callback(object, append, out, JSON_COMPACT) != 0) mem_exhausted(out->n);
    json_decref(object);
    out->n--; /* the closing brace comes behind the checksum */
    buf_printf(out, CHECK "%016" PRIx64 "\"}\n", hash_bytes(out->p, out->n, 0));
}

static bool write_file(int folder, const char *name, struct slice text, struct err *e) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) return err_errno(e, EXIT_IO, errno, "cannot create");
    return io_write_whole(fd, text.p, text.n, e);
}

static bool put_in_place(
    int folder, const char *role, uint64_t epoch, struct slice text, struct err *e) {
    char temp[SEALED_NAME], name[SEALED_NAME];
    snprintf(temp, sizeof temp, ".%s-%" PRIu64 ".tmp", role, epoch);
    sealed_name(name, role, epoch);
    if (!write_file(folder, temp, text, e)) return false;
    passed(role, "written", epoch);
    if (renameat(folder, temp, folder, name) != 0)
        return err_errno(e, EXIT_IO, errno, "cannot rename");
    passed(role, "renamed", epoch);
    if (!io_sync_folder(folder, e)) return false;
    passed(role, "synced", epoch);
    return true;
}

bool sealed_write(int folder, const char *role, uint64_t epoch, json_t *object, struct err *e) {
    struct buf text = {0};
    char name[SEALED_NAME];
    seal(object, sealed_name(name, role, epoch), &text);
    bool ok = put_in_place(folder, role, epoch, buf_slice(&text), e) || err_at(e, "%s", name);
    buf_free(&text);
    return ok;
}

/* ---- reading ---- */

static bool read_all(int fd, struct buf *out, struct err *e) {
    enum { ROOM = 64 << 10 };
    for (size_t got = 1; got; out->n += got) {
        if (out->n > MOST_BYTES) return err_set(e, EXIT_CONFIG, "is no file of a checkpoint");
        if (!io_read(fd, buf_reserve(out, ROOM), ROOM, false, &got, e)) return false;
    }
    return true;
}

static bool is_whole(struct slice text) {
    char check[CHECK_BYTES + 1];
    if (text.n < CHECK_BYTES) return false;
    size_t n = text.n - CHECK_BYTES;
    snprintf(check, sizeof check, CHECK "%016" PRIx64 "\"}\n", hash_bytes(text.p, n, 0));
    return memcmp(text.p + n, check, CHECK_BYTES) == 0;
}

static bool is_read_here(const json_t *o, const char *name, struct err *e) {
    json_int_t version = json_integer_value(json_object_get(o, "version"));
    const char *file = json_string_value(json_object_get(o, "file"));
    if (version != VERSION)
        return err_set(e, EXIT_CONFIG, "is of version %lld, and this tool reads version %d",
            (long long)version, VERSION);
    return (file && strcmp(file, name) == 0) ||
           err_set(e, EXIT_CONFIG, "is %s under another name", file ? file : "another file");
}

static json_t *parse(struct slice text, const char *name, struct err *e) {
    json_error_t why;
    json_t *o = is_whole(text) ? json_loadb(text.p, text.n, 0, &why) : NULL;
    if (!o) err_set(e, EXIT_CONFIG, "is damaged: its checksum does not match");
    if (!o || is_read_here(o, name, e)) return o;
    json_decref(o);
    return NULL;
}

static json_t *read_file(int folder, const char *name, struct err *e) {
    struct buf text = {0};
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        err_errno(e, EXIT_CONFIG, errno, "cannot open");
        return NULL;
    }
    bool ok = read_all(fd, &text, e) &&
              (fsync(fd) == 0 || errno == EINVAL || err_errno(e, EXIT_IO, errno, "cannot sync"));
    close(fd);
    json_t *o = ok ? parse(buf_slice(&text), name, e) : NULL;
    buf_free(&text);
    if (!o || io_sync_folder(folder, e)) return o;
    json_decref(o);
    return NULL;
}

json_t *sealed_read(int folder, const char *role, uint64_t epoch, struct err *e) {
    char name[SEALED_NAME];
    json_t *o = read_file(folder, sealed_name(name, role, epoch), e);
    if (!o) err_at(e, "%s", name);
    return o;
}

/* ---- which there are ---- */

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool sealed_list(int folder, const char *role, uint64_t **epochs, size_t *n, struct err *e) {
    DIR *d = io_list_folder(folder, ".");
    uint64_t epoch;
    *epochs = NULL;
    *n = 0;
    if (!d) return err_errno(e, EXIT_CONFIG, errno, "cannot list");
    for (struct dirent *x; (x = readdir(d));) {
        if (!sealed_is_named(x->d_name, role, &epoch)) continue;
        *epochs = mem_grow(*epochs, *n + 1, sizeof **epochs);
        (*epochs)[(*n)++] = epoch;
    }
    closedir(d);
    if (*n) qsort(*epochs, *n, sizeof **epochs, by_number);
    return true;
}

bool sealed_newest(int folder, const char *role, uint64_t *epoch, struct err *e) {
    uint64_t *all;
    size_t n;
    if (!sealed_list(folder, role, &all, &n, e)) return false;
    *epoch = n ? all[n - 1] : 0;
    free(all);
    return true;
}

bool sealed_is_there(int folder, const char *role, uint64_t epoch) {
    char name[SEALED_NAME];
    return faccessat(folder, sealed_name(name, role, epoch), F_OK, 0) == 0;
}

/* ---- removing ---- */

bool sealed_remove_beyond(int folder, const char *role, uint64_t epoch, bool *any, struct err *e) {
    uint64_t *all;
    size_t n;
    char name[SEALED_NAME];
    bool ok = sealed_list(folder, role, &all, &n, e);
    for (size_t i = 0; ok && i < n; i++) {
        if (all[i] <= epoch) continue;
        *any = true;
        ok = unlinkat(folder, sealed_name(name, role, all[i]), 0) == 0 ||
             err_errno(e, EXIT_IO, errno, "cannot remove %s", name);
    }
    free(all);
    return ok;
}

static int64_t age_us(int folder, const char *name) {
    struct stat st;
    if (fstatat(folder, name, &st, 0) != 0) return 0;
    return clock_us(CLOCK_REALTIME) - clock_micros(st.st_mtim);
}

void sealed_release(int folder, const char *role, uint64_t below, int64_t keep_us) {
    uint64_t *all;
    size_t n;
    struct err ignored;
    char name[SEALED_NAME];
    if (!sealed_list(folder, role, &all, &n, &ignored)) return;
    for (size_t i = 0; i + 1 < n && all[i] < below; i++) {
        sealed_name(name, role, all[i]);
        if (age_us(folder, name) >= keep_us) (void)unlinkat(folder, name, 0);
    }
    free(all);
}
