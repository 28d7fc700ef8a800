#include "wire/reader.h"

#include <stdlib.h>

void reader_init(struct reader *r, struct bytes *in, size_t max_line) {
    *r = (struct reader){
        .in = in, .cap = READER_ROOM, .max_line = max_line ? max_line : MAX_LINE_DEFAULT};
    r->most = r->max_line + READER_ROOM;
    r->p = mem_alloc(r->cap + JSON_SLACK);
}

void reader_free(struct reader *r) {
    free(r->p);
    r->in->close(r->in);
}

static void make_room(struct reader *r) {
    if (r->at) memmove(r->p, r->p + r->at, r->end - r->at);
    r->end -= r->at;
    r->at = 0;
    if (r->cap - r->end >= r->cap / 4) return;
    r->cap = r->cap < r->most / 2 ? r->cap * 2 : r->most;
    r->p = mem_grow(r->p, r->cap + JSON_SLACK, 1);
}

static bool read_once(struct reader *r, struct err *e) {
    size_t got;
    if (!r->in->read(r->in, r->p + r->end, r->cap - r->end, &got, e)) return false;
    r->eof = got == 0;
    r->end += got;
    memset(r->p + r->end, 0, JSON_SLACK);
    return true;
}

/* No event has fewer than three bytes with its newline, so waiting for three delays none. */
static bool start(struct reader *r, struct err *e) {
    r->started = true;
    while (!r->eof && r->end < 3)
        if (!read_once(r, e)) return false;
    if (r->end >= 3 && memcmp(r->p, "\xEF\xBB\xBF", 3) == 0) r->at = 3;
    if (r->end >= 2 && (memcmp(r->p, "\xFF\xFE", 2) == 0 || memcmp(r->p, "\xFE\xFF", 2) == 0))
        return err_set(
            e, EXIT_BAD_DATA, "is UTF-16, not UTF-8: convert it with iconv -f UTF-16 -t UTF-8");
    return true;
}

bool reader_fill(struct reader *r, size_t *fresh, struct err *e) {
    if (!r->started) {
        *fresh = 0;
        return start(r, e);
    }
    make_room(r);
    *fresh = r->end;
    return read_once(r, e);
}

size_t reader_last_line_end(const struct reader *r, size_t from) {
    const char *newline = memrchr(r->p + from, '\n', r->end - from);
    return newline ? (size_t)(newline - r->p) + 1 : 0;
}

enum decoded decoded_bad(struct event *ev, const char *code) {
    ev->bad_code = code;
    return DECODED_BAD;
}

struct slice reader_shown(const struct reader *r, const char *p) {
    size_t n = r->max_line < TOO_LONG_SHOWN ? r->max_line : TOO_LONG_SHOWN;
    for (int i = 0; i < 3 && ((unsigned char)p[n] & 0xC0) == 0x80; i++) n--;
    return (struct slice){p, n};
}

enum decoded reader_too_long(const struct reader *r, struct event *ev, struct err *e) {
    size_t n = r->max_line;
    if (n % (1 << 20) == 0) err_set(e, EXIT_BAD_DATA, "longer than %zu MiB (--max-line)", n >> 20);
    else err_set(e, EXIT_BAD_DATA, "longer than %zu bytes (--max-line)", n);
    return decoded_bad(ev, "too_long");
}
