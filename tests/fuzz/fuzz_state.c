/* Manifests and runs whose checksums are right and whose content is anything: no crash, no wrong file, and what is
 * restored once is restored again from what is written then.
 *
 * An input is one byte for what it stands for: the text of a manifest up to its checksum, or a byte for the kinds of
 * the two runs of a table, one that says what the manifest gets wrong of them, two for the length of the first, and
 * the entries of both. */
#include "state/manifest.h"
#include "state/sealed.h"
#include "state/state.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int folder = -1;
static char path[64];

static void remove_folder(void) {
    char line[128];
    snprintf(line, sizeof line, "rm -rf %s", path);
    if (system(line) != 0) abort();
}

static void make_folder(void) {
    snprintf(path, sizeof path, "%s/ev-fuzz-XXXXXX",
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(path)) abort();
    folder = open(path, O_RDONLY | O_DIRECTORY);
    atexit(remove_folder);
}

static void write_file(const char *name, struct slice text) {
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n) abort();
    close(fd);
}

static struct hash128 sum_of(struct slice text) {
    struct hash_stream *h = hash_stream_new();
    hash_stream_add(h, text.p, text.n);
    struct hash128 sum = hash_stream_end(h);
    hash_stream_free(h);
    return sum;
}

static void write_manifest(struct buf *text) {
    char name[SEALED_NAME];
    buf_printf(text, ",\"check\":\"%016" PRIx64 "\"}\n", hash_bytes(text->p, text->n, 0));
    write_file(sealed_name(name, MANIFEST_ROLE, 1), buf_slice(text));
}

/* Everything that was loaded, as one text: of a map its order is part of it. */
struct loaded {
    struct buf text;
    uint64_t n, sum; /* of a set, in any order */
};

static bool load(void *ctx, const struct state_entry *entry, struct err *e) {
    struct loaded *l = ctx;
    uint64_t lengths[] = {entry->key.n, entry->value.n, (uint64_t)entry->time, entry->table};
    size_t from = l->text.n;
    (void)e;
    buf_add(&l->text, lengths, sizeof lengths);
    buf_add_slice(&l->text, entry->key);
    buf_add_slice(&l->text, entry->value);
    l->sum += hash_bytes(l->text.p + from, l->text.n - from, 0);
    l->n++;
    return true;
}

static void restore(enum state_kind kind) {
    struct loaded first = {0}, again = {0};
    struct err e = {0};
    struct state_options o = {.folder = folder, .tables = &kind, .n_tables = 1};
    bool whole = state_is_whole(folder, 1, &e);
    struct state *s = state_open(&o, 1, load, &first, &e);
    assert(s ? whole : e.code == EXIT_CONFIG);
    if (s) {
        assert(state_snapshot(s, 2, json_object(), &e));
        state_settle(s);
        assert(state_snapshot(s, 3, json_object(), &e));
        state_close(s);
        s = state_open(&o, 3, load, &again, &e);
        assert(s && first.n == again.n && first.sum == again.sum && first.text.n == again.text.n);
        assert(kind == STATE_SET || first.text.n == 0 ||
               memcmp(first.text.p, again.text.p, first.text.n) == 0);
        state_release(s, 3);
        state_close(s);
    }
    buf_free(&first.text);
    buf_free(&again.text);
}

/* What stands in the file, by the header that fits or not, and the lie that is told of it. */
static void add_run(
    struct buf *manifest, int number, uint8_t kinds, uint8_t lie, struct slice entries) {
    static const char header[] = "\x89"
                                 "EVR\r\n\x1a\n\x01";
    char name[RUN_NAME];
    struct buf file = {0};
    buf_add(&file, header, sizeof header - 1);
    buf_addc(&file, (char)(kinds >> number & 1));
    buf_add(&file, "\0\0\0\0\0", 6);
    buf_add_slice(&file, entries);
    snprintf(name, sizeof name, "run-%d", number);
    write_file(name, buf_slice(&file));
    struct hash128 sum = sum_of(buf_slice(&file));
    uint64_t n = 0;
    for (size_t i = 0; i < entries.n;) { /* as many as there are, if they are whole */
        uint64_t length[2] = {0};
        bool has_value = entries.p[i] & 2;
        for (int part = 0; part <= has_value; part++)
            for (int shift = 0; i < entries.n; shift += 7) {
                unsigned char c = (unsigned char)entries.p[i++];
                if (shift < 63) length[part] |= (uint64_t)(c & 0x7f) << shift;
                if (c < 0x80) break;
            }
        uint64_t more = 8 + (length[0] >> 2) + length[1];
        if (more > entries.n - i) break;
        i += more;
        n++;
    }
    buf_printf(manifest,
        "%s{\"file\":\"%s\",\"bytes\":%zu,\"entries\":%" PRIu64
        ",\"longest\":%zu,\"least\":-9223372036854775808,\"greatest\":9223372036854775807,"
        "\"xxh3\":\"%016" PRIx64 "%016" PRIx64 "\"}",
        number ? "," : "", name, file.n + (lie == 1), n + (lie == 2), lie == 3 ? 0 : entries.n,
        sum.high ^ (lie == 4), sum.low);
    buf_free(&file);
}

static struct slice take(struct slice *from, size_t n) {
    struct slice taken = {from->p, n < from->n ? n : from->n};
    *from = (struct slice){from->p + taken.n, from->n - taken.n};
    return taken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    if (folder < 0) make_folder();
    struct slice text = {(const char *)data, n};
    struct buf manifest = {0};
    if (n < 5) return 0;
    enum state_kind kind = data[0] & 1 ? STATE_SET : STATE_MAP;
    struct slice head = take(&text, data[0] & 2 ? 1 : 5);
    if (data[0] & 2) {
        buf_add_slice(&manifest, text);
    } else {
        size_t length = (unsigned char)head.p[3] | (size_t)(unsigned char)head.p[4] << 8;
        buf_printf(&manifest,
            "{\"version\":1,\"epoch\":1,\"meta\":{},\"tables\":[{\"kind\":\"%s\",",
            kind == STATE_SET ? "set" : "map");
        if (data[0] & 4) buf_adds(&manifest, "\"forgotten\":1000,");
        buf_adds(&manifest, "\"runs\":[");
        add_run(&manifest, 0, data[1], data[2], take(&text, length));
        add_run(&manifest, 1, data[1], data[2] >> 4, text);
        buf_adds(&manifest, "]}]");
    }
    write_manifest(&manifest);
    buf_free(&manifest);
    restore(kind);
    return 0;
}
