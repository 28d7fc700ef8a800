#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "check.h"
#include "source/source.h"

static char folder[] = "/tmp/ev-source-XXXXXX";

static void write_file(const char *name, struct slice s) {
    FILE *f = fopen(name, "w");
    if (!f || fwrite(s.p, 1, s.n, f) != s.n || fclose(f)) abort();
}

static void add_member(struct buf *out, struct slice s) {
    z_stream z = {0};
    if (deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    size_t room = deflateBound(&z, s.n);
    z.next_in = (unsigned char *)s.p;
    z.avail_in = (unsigned)s.n;
    z.next_out = (unsigned char *)buf_reserve(out, room);
    z.avail_out = (unsigned)room;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    out->n += z.total_out;
    deflateEnd(&z);
}

/* All that comes before the end or an error, in reads of `room`. */
static bool read_all(const char *name, size_t room, struct buf *out, struct err *e) {
    struct bytes *b = source_open(name, e);
    if (!b) return false;
    size_t got;
    bool good;
    out->n = 0;
    while ((good = b->read(b, buf_reserve(out, room), room, &got, e)) && got) out->n += got;
    uint64_t at, size;
    source_position(b, &at, &size);
    struct stat st;
    CHECK(!good || stat(name, &st) < 0 || !S_ISREG(st.st_mode) ||
          (at == size && size == (uint64_t)st.st_size));
    b->close(b);
    return good;
}

static bool reads(const char *name, struct slice want) {
    static const size_t rooms[] = {3, 100, 4096, 1 << 20};
    struct buf out = {0};
    struct err e;
    bool same = true;
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        same = read_all(name, rooms[i], &out, &e) && slice_eq(buf_slice(&out), want) && same;
    buf_free(&out);
    return same;
}

static void check_fails(const char *name, enum exit_code code, const char *message) {
    struct buf out = {0};
    struct err e = {0};
    CHECK(!read_all(name, 1000, &out, &e));
    CHECK(e.code == code);
    CHECK_STR(e.text, message);
    buf_free(&out);
}

static void reads_plain_files(void) {
    write_file("plain", slice_of("{\"a\":1}\n"));
    CHECK(reads("plain", slice_of("{\"a\":1}\n")));
    write_file("one", slice_of("x"));
    CHECK(reads("one", slice_of("x")));
    write_file("empty", slice_of(""));
    CHECK(reads("empty", slice_of("")));
    CHECK(source_is_regular("plain") && !source_is_regular("-") && !source_is_regular(".") &&
          !source_is_regular("no"));
}

static void says_what_cannot_be_opened(void) {
    check_fails("none", EXIT_NO_INPUT, "none: No such file or directory");
    check_fails(".", EXIT_NO_INPUT, ".: is a directory");
}

static void reads_gzips_of_several_members(void) {
    struct buf text = {0}, gz = {0};
    for (int i = 0; i < 30000; i++) buf_printf(&text, "{\"a\":%d,\"b\":\"%d\"}\n", i, i * i % 1000);
    for (size_t from = 0; from < text.n; from += 77777)
        add_member(
            &gz, (struct slice){text.p + from, text.n - from < 77777 ? text.n - from : 77777});
    add_member(&gz, slice_of(""));
    write_file("whatever.ndjson", buf_slice(&gz));
    CHECK(reads("whatever.ndjson", buf_slice(&text)));
    memset(buf_reserve(&gz, 1000), 0, 1000);
    gz.n += 1000;
    write_file("padded.gz", buf_slice(&gz));
    CHECK(reads("padded.gz", buf_slice(&text)));
    buf_free(&text);
    buf_free(&gz);
}

/* Highly compressible: zlib holds much more output than fits when the input is used up. */
static void reads_all_that_is_inflated(void) {
    struct buf text = {0}, gz = {0};
    memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
    text.n = 1 << 20;
    add_member(&gz, buf_slice(&text));
    write_file("dense.gz", buf_slice(&gz));
    CHECK(reads("dense.gz", buf_slice(&text)));
    buf_free(&text);
    buf_free(&gz);
}

static void refuses_damaged_gzips(void) {
    struct buf gz = {0};
    add_member(&gz, slice_of("{\"a\":1}\n"));
    for (size_t n = 2; n < gz.n; n++) {
        write_file("cut.gz", (struct slice){gz.p, n});
        check_fails("cut.gz", EXIT_IO, "the gzip data ends early: it was cut off");
    }
    gz.p[gz.n - 8] ^= 1;
    write_file("wrong.gz", buf_slice(&gz));
    check_fails("wrong.gz", EXIT_IO, "the gzip data is damaged: its checksum does not match");
    gz.p[gz.n - 8] ^= 1;
    gz.p[gz.n - 1] ^= 1;
    write_file("wrong.gz", buf_slice(&gz));
    check_fails("wrong.gz", EXIT_IO, "the gzip data is damaged: its length does not match");
    gz.p[gz.n - 1] ^= 1;
    buf_adds(&gz, "tail");
    write_file("tail.gz", buf_slice(&gz));
    check_fails("tail.gz", EXIT_IO, "garbage behind the gzip data");
    struct buf out = {0};
    struct err e;
    CHECK(!read_all("tail.gz", 1000, &out, &e) && slice_is(buf_slice(&out), "{\"a\":1}\n"));
    buf_free(&out);
    buf_free(&gz);
}

/* A pipe cannot be rewound: the look at its first bytes loses none, and they may come one by
 * one. */
static void reads_pipes_and_standard_input(void) {
    struct buf gz = {0};
    add_member(&gz, slice_of("{\"a\":1}\n"));
    int ends[2], saved = dup(0);
    if (pipe(ends) < 0) abort();
    if (fork() == 0) {
        for (size_t i = 0; i < gz.n; i++)
            if (write(ends[1], gz.p + i, 1) != 1) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], 0);
    struct buf out = {0};
    struct err e;
    CHECK(read_all("-", 1000, &out, &e) && slice_is(buf_slice(&out), "{\"a\":1}\n"));
    CHECK(fcntl(0, F_GETFD) >= 0);
    dup2(saved, 0);
    close(saved);
    close(ends[0]);
    buf_free(&out);
    buf_free(&gz);
}

int main(void) {
    if (!mkdtemp(folder) || chdir(folder) < 0) return 1;
    RUN(reads_plain_files);
    RUN(says_what_cannot_be_opened);
    RUN(reads_gzips_of_several_members);
    RUN(reads_all_that_is_inflated);
    RUN(refuses_damaged_gzips);
    RUN(reads_pipes_and_standard_input);
    static const char *const made[] = {"plain", "one", "empty", "whatever.ndjson", "padded.gz",
        "dense.gz", "cut.gz", "wrong.gz", "tail.gz"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) unlink(made[i]);
    rmdir(folder);
    return check_done();
}
