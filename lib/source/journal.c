#include "source/journal.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/hash.h"
#include "base/io.h"

enum { BLOCK = 256 << 10, NAME_ROOM = 40, CARRIES = 256 };
enum { LENGTH, INPUT, WHAT, LINE, TIME, WATERMARK, CODE, MESSAGE, NUMBERS };
#define TEMP ".journal.tmp"

struct source_journal {
    int folder, fd;
    struct buf out;
    struct hash_stream *check;
};

static void name_of(uint64_t epoch, char name[NAME_ROOM]) {
    snprintf(name, NAME_ROOM, "journal-%" PRIu64, epoch);
}

/* ---- writing ---- */

static bool begin(struct source_journal *j, struct err *e) {
    j->fd = openat(j->folder, TEMP, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    hash_stream_free(j->check);
    j->check = hash_stream_new();
    return j->fd >= 0 || err_errno(e, EXIT_IO, errno, "cannot create the journal");
}

struct source_journal *source_journal_open(int folder, struct err *e) {
    struct source_journal *j = mem_zero(1, sizeof *j);
    j->folder = folder;
    if (begin(j, e)) return j;
    source_journal_close(j);
    return NULL;
}

static bool drain(struct source_journal *j, struct err *e) {
    hash_stream_add(j->check, j->out.p, j->out.n);
    bool ok = io_write(j->fd, j->out.p, j->out.n, e) || err_at(e, "the journal");
    j->out.n = 0;
    return ok;
}

bool source_journal_add(struct source_journal *j, size_t input, bool carries, enum decoded what,
    const struct event *ev, const struct err *why, struct err *e) {
    bool bad = what == DECODED_BAD;
    struct slice code = slice_of(bad && ev->bad_code ? ev->bad_code : ""),
                 message = slice_of(bad ? why->text : "");
    uint64_t numbers[NUMBERS] = {[LENGTH] = ev->text.n,
        [INPUT] = input,
        [WHAT] = (uint64_t)what | (carries ? CARRIES : 0),
        [LINE] = ev->line,
        [TIME] = (uint64_t)ev->time,
        [WATERMARK] = (uint64_t)ev->watermark,
        [CODE] = bad ? (uint64_t)why->code : 0,
        [MESSAGE] = bad ? code.n + 1 + message.n : 0};
    for (int i = 0; i < NUMBERS; i++) numbers[i] = htole64(numbers[i]);
    buf_add(&j->out, numbers, sizeof numbers);
    buf_add_slice(&j->out, ev->text);
    if (bad) {
        buf_add_slice(&j->out, code);
        buf_addc(&j->out, 0);
        buf_add_slice(&j->out, message);
    }
    return j->out.n < BLOCK || drain(j, e);
}

static bool put_in_place(struct source_journal *j, uint64_t epoch, struct err *e) {
    char name[NAME_ROOM];
    name_of(epoch, name);
    if (fsync(j->fd) != 0) return err_errno(e, EXIT_IO, errno, "%s: cannot write", name);
    crash_point("journal-written", epoch);
    if (renameat(j->folder, TEMP, j->folder, name) != 0)
        return err_errno(e, EXIT_IO, errno, "%s: cannot rename", name);
    crash_point("journal-renamed", epoch);
    return fsync(j->folder) == 0 || err_errno(e, EXIT_IO, errno, "%s: cannot sync", name);
}

bool source_journal_seal(struct source_journal *j, uint64_t epoch, uint64_t *check, struct err *e) {
    if (!drain(j, e) || !put_in_place(j, epoch, e)) return false;
    *check = hash_stream_end(j->check).low;
    if (close(j->fd) != 0) return err_errno(e, EXIT_IO, errno, "cannot write the journal");
    return begin(j, e);
}

void source_journal_close(struct source_journal *j) {
    if (!j) return;
    close(j->fd);
    hash_stream_free(j->check);
    (void)unlinkat(j->folder, TEMP, 0);
    buf_free(&j->out);
    free(j);
}

void source_journal_remove(int folder, uint64_t epoch) {
    char name[NAME_ROOM];
    name_of(epoch, name);
    (void)unlinkat(folder, name, 0);
}

/* ---- reading ---- */

struct source_journal_reader {
    char *p;
    size_t n, at;
};

static bool read_all(struct source_journal_reader *r, int fd, struct err *e) {
    struct stat st;
    if (fstat(fd, &st) != 0) return err_errno(e, EXIT_CONFIG, errno, "cannot read");
    size_t size = (size_t)st.st_size;
    r->p = mem_zero(size + JSON_SLACK, 1);
    return io_read_file(fd, r->p, size, &r->n, e);
}

struct source_journal_reader *source_journal_read(
    int folder, uint64_t epoch, uint64_t check, struct err *e) {
    char name[NAME_ROOM];
    name_of(epoch, name);
    struct source_journal_reader *r = mem_zero(1, sizeof *r);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 ? read_all(r, fd, e) : err_errno(e, EXIT_CONFIG, errno, "cannot open");
    if (ok && hash_identity(r->p, r->n, 0).low != check)
        ok = err_set(e, EXIT_CONFIG, "is damaged: its checksum does not match");
    if (fd >= 0) close(fd);
    if (ok) return r;
    err_at(e, "%s", name);
    source_journal_reader_close(r);
    return NULL;
}

/* The codes of bad input live as long as the process. */
static const char *code_named(const char *code) {
    static const char *const codes[] = {
        "bad_json", "bad_row", "too_long", "not_object", "control", NULL};
    for (size_t i = 0; codes[i]; i++)
        if (strcmp(code, codes[i]) == 0) return codes[i];
    return "bad_json";
}

enum decoded source_journal_next(struct source_journal_reader *r, size_t *input, bool *carries,
    struct event *ev, struct err *why) {
    uint64_t numbers[NUMBERS];
    *input = SIZE_MAX;
    if (r->at == r->n) return DECODED_END;
    memcpy(numbers, r->p + r->at, sizeof numbers);
    for (int i = 0; i < NUMBERS; i++) numbers[i] = le64toh(numbers[i]);
    const char *text = r->p + r->at + sizeof numbers, *message = text + numbers[LENGTH];
    r->at += sizeof numbers + numbers[LENGTH] + numbers[MESSAGE];
    *input = numbers[INPUT];
    *carries = numbers[WHAT] & CARRIES;
    ev->text = (struct slice){text, numbers[LENGTH]};
    ev->line = numbers[LINE];
    ev->time = (int64_t)numbers[TIME];
    ev->watermark = (int64_t)numbers[WATERMARK];
    if (!numbers[MESSAGE]) return (enum decoded)(numbers[WHAT] & ~(uint64_t)CARRIES);
    size_t code = strnlen(message, numbers[MESSAGE] - 1);
    ev->bad_code = code_named(message);
    err_set(why, (enum exit_code)numbers[CODE], "%.*s", (int)(numbers[MESSAGE] - code - 1),
        message + code + 1);
    return DECODED_BAD;
}

void source_journal_reader_close(struct source_journal_reader *r) {
    if (!r) return;
    free(r->p);
    free(r);
}
