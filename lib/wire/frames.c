#include "wire/frames.h"

#include <stdlib.h>
#include <zlib.h>

#include "wire/judge.h"

/* ---- writing ---- */

static uint32_t crc(const char *p, size_t n) {
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)p, n);
}

void frames_start(struct buf *out) {
    char *p = buf_reserve(out, FRAMES_START_BYTES);
    memcpy(p, FRAMES_MAGIC, FRAMES_MAGIC_BYTES);
    frames_put32(p + 8, STREAM_VERSION);
    frames_put32(p + 12, crc(p, 12));
    out->n += FRAMES_START_BYTES;
}

size_t frame_begin(struct buf *out) {
    size_t chunk = out->n;
    buf_reserve(out, FRAME_HEADER_BYTES);
    out->n += FRAME_HEADER_BYTES;
    return chunk;
}

void frame_end(struct buf *out, size_t chunk, enum frame_type type, bool checked) {
    size_t n = out->n - chunk - FRAME_HEADER_BYTES;
    char *p = out->p + chunk;
    if (!n) {
        out->n = chunk;
        return;
    }
    frames_put32(p, type | (checked ? FRAME_CHECKED << 16 : 0));
    frames_put32(p + 4, (uint32_t)n);
    frames_put32(p + 8, checked ? crc(p + FRAME_HEADER_BYTES, n) : 0);
    frames_put32(p + 12, crc(p, 12));
}

/* ---- reading ---- */

struct frames {
    struct decoder base;
    struct reader in;
    struct judge judge;
    enum frame_type type;
    size_t end; /* of the chunk at hand, in the buffer; in.at when it is used up */
    /* Of one that is over the limit, so many bytes are still to be read over, from in.at on. */
    size_t skipping;
    bool is_checked;
    uint32_t sum, sum_so_far;
    uint64_t record;
};

/* What lies in the buffer cannot be believed, and nothing tells where it goes on. */
static enum decoded damaged(const char *what, struct err *e) {
    err_set(e, EXIT_IO, "damaged frames: %s", what);
    return DECODED_FAILED;
}

/* Reads until n bytes lie at in.at. DECODED_EVENT when they do, DECODED_END when there is not a byte more. */
static enum decoded need(struct frames *f, size_t n, struct err *e) {
    struct reader *in = &f->in;
    size_t fresh;
    while (in->end - in->at < n && !in->eof) {
        size_t before = in->end - in->at;
        if (!reader_fill(in, &fresh, e)) return DECODED_FAILED;
        f->base.bytes_read += in->end - in->at - before;
    }
    if (in->end - in->at >= n) return DECODED_EVENT;
    if (in->end == in->at) return DECODED_END;
    return judge_truncated(&f->judge, e);
}

static enum decoded start(struct frames *f, struct err *e) {
    enum decoded d = need(f, FRAMES_START_BYTES, e);
    const char *p = f->in.p + f->in.at;
    if (d == DECODED_END) return judge_truncated(&f->judge, e);
    if (d != DECODED_EVENT) return d;
    if (memcmp(p, FRAMES_MAGIC, FRAMES_MAGIC_BYTES) != 0)
        return damaged(
            "they do not begin as frames do (bytes may have been changed on the way)", e);
    if (frames_get32(p + 12) != crc(p, 12)) return damaged("checksum of the beginning", e);
    if (!stream_version_is_known(frames_get32(p + 8), e)) return DECODED_FAILED;
    f->in.at += FRAMES_START_BYTES;
    return DECODED_EVENT;
}

/* The next chunk, whole, in the buffer. */
static enum decoded next_chunk(struct frames *f, struct err *e) {
    struct reader *in = &f->in;
    enum decoded d = need(f, FRAME_HEADER_BYTES, e);
    if (d == DECODED_END) return judge_end(&f->judge, e);
    if (d != DECODED_EVENT) return d;
    const char *p = in->p + in->at;
    uint32_t kind = frames_get32(p), n = frames_get32(p + 4), sum = frames_get32(p + 8);
    if (frames_get32(p + 12) != crc(p, 12)) return damaged("checksum of a chunk's header", e);
    f->type = kind & 0xFFFF;
    if ((f->type != FRAME_CONTROL && f->type != FRAME_DATA) ||
        kind >> 16 & ~(unsigned)FRAME_CHECKED)
        return damaged("a chunk of a type that is not known here", e);
    if (f->judge.ended) return judge_beyond(e);
    if (n > FRAME_MOST && n > in->max_line + RECORD_BYTES + 1) {
        in->at += FRAME_HEADER_BYTES;
        f->end = in->at;
        f->skipping = n;
        f->is_checked = kind >> 16;
        f->sum = sum;
        f->sum_so_far = crc(NULL, 0);
        return f->type == FRAME_DATA ? DECODED_EVENT : damaged("a control record is too long", e);
    }
    d = need(f, FRAME_HEADER_BYTES + (size_t)n, e);
    if (d != DECODED_EVENT) return d;
    in->at += FRAME_HEADER_BYTES;
    f->end = in->at + n;
    p = in->p + in->at;
    return kind >> 16 && crc(p, n) != sum ? damaged("checksum of a chunk", e) : DECODED_EVENT;
}

static struct slice take_payload(struct frames *f) {
    struct slice payload = {f->in.p + f->in.at, f->end - f->in.at};
    f->in.at = f->end;
    return payload;
}

static bool frames_begin(struct decoder *d, struct err *e) {
    struct frames *f = (struct frames *)d;
    if (start(f, e) != DECODED_EVENT) return false;
    enum decoded chunk = next_chunk(f, e);
    if (chunk == DECODED_END) (void)judge_truncated(&f->judge, e);
    if (chunk != DECODED_EVENT || !judge_open(&f->judge, take_payload(f), e)) return false;
    d->open = &f->judge.open;
    return true;
}

static enum decoded read_control(struct frames *f, struct event *ev, struct err *e) {
    struct slice payload = take_payload(f);
    enum decoded what = judge_text(&f->judge, payload, f->in.p + f->in.end + JSON_SLACK, ev, e);
    if (what == DECODED_CONTROL || what == DECODED_ABORT) return what;
    return what == DECODED_EVENT ? damaged("a control record is none", e) : DECODED_FAILED;
}

static bool is_time(int64_t t) { return t == TIME_NONE || (t >= TIME_MIN && t <= TIME_MAX); }

/* A text that the fast lane has not taken. */
static enum decoded judge_slowly(struct frames *f, struct event *ev, struct err *e) {
    struct slice text = ev->text;
    if (memchr(text.p, '\n', text.n)) return damaged("a record with a newline in it", e);
    if (text.n > f->in.max_line) {
        ev->text = reader_shown(&f->in, text.p);
        return reader_too_long(&f->in, ev, e);
    }
    enum decoded d = judge_text(&f->judge, text, f->in.p + f->in.end + JSON_SLACK, ev, e);
    return d == DECODED_CONTROL || d == DECODED_ABORT ? damaged("a control record among events", e)
                                                      : d;
}

static enum decoded misplaced(struct err *e) {
    return damaged("a record does not end where it should", e);
}

static inline enum decoded read_head(
    struct frames *f, const char *p, struct event *ev, struct err *e) {
    if (frames_get32(p + 4)) return damaged("a record of a shape that was not declared", e);
    ev->time = (int64_t)frames_get64(p + 8);
    ev->watermark = (int64_t)frames_get64(p + 16);
    if (!is_time(ev->time) || ev->watermark > TIME_MAX) return damaged("a time out of range", e);
    ev->line = ++f->record;
    return DECODED_EVENT;
}

/* A chunk over the limit holds one event, of which the beginning is shown. */
static enum decoded begin_skipping(struct frames *f, struct event *ev, struct err *e) {
    struct reader *in = &f->in;
    enum decoded d = need(f, RECORD_BYTES + TOO_LONG_SHOWN + 1, e);
    if (d == DECODED_END) return judge_truncated(&f->judge, e);
    if (d != DECODED_EVENT) return d;
    const char *p = in->p + in->at;
    f->end = in->at;
    if (frames_get32(p) + (size_t)RECORD_BYTES + 1 != f->skipping) return misplaced(e);
    d = read_head(f, p, ev, e);
    ev->text = reader_shown(in, p + RECORD_BYTES);
    return d == DECODED_EVENT ? reader_too_long(in, ev, e) : d;
}

static enum decoded skip(struct frames *f, struct err *e) {
    struct reader *in = &f->in;
    while (f->skipping) {
        enum decoded d = need(f, 1, e);
        if (d == DECODED_END) return judge_truncated(&f->judge, e);
        if (d != DECODED_EVENT) return d;
        size_t n = in->end - in->at < f->skipping ? in->end - in->at : f->skipping;
        f->sum_so_far = (uint32_t)crc32_z(f->sum_so_far, (const unsigned char *)in->p + in->at, n);
        in->at += n;
        f->skipping -= n;
    }
    f->end = in->at;
    if (f->is_checked && f->sum_so_far != f->sum) return damaged("checksum of a chunk", e);
    return in->p[in->at - 1] == '\n' ? DECODED_EVENT : misplaced(e);
}

static enum decoded read_record(struct frames *f, struct event *ev, struct err *e) {
    struct reader *in = &f->in;
    const char *p = in->p + in->at, *end = in->p + f->end;
    size_t left = f->end - in->at, scanned, n = left < RECORD_BYTES ? left : frames_get32(p);
    if (left < RECORD_BYTES + 1 || n > left - RECORD_BYTES - 1 || p[RECORD_BYTES + n] != '\n')
        return misplaced(e);
    enum decoded head = read_head(f, p, ev, e);
    if (head != DECODED_EVENT) return head;
    in->at += RECORD_BYTES + n + 1;
    ev->text = (struct slice){p + RECORD_BYTES, n};
    ev->fields = judge_fields(&f->judge);
    const char *newline = json_scan_line(f->judge.scanner, ev->text.p, end, ev->fields, &scanned);
    if (newline == ev->text.p + n && n <= in->max_line && !judge_is_control(&f->judge))
        return DECODED_EVENT;
    return judge_slowly(f, ev, e);
}

static enum decoded frames_next(struct decoder *d, struct event *ev, struct err *e) {
    struct frames *f = (struct frames *)d;
    ev->source = f->in.in->name;
    ev->line = f->record;
    if (__builtin_expect(f->skipping > 0, 0)) {
        enum decoded skipped = skip(f, e);
        if (skipped != DECODED_EVENT) return skipped;
    }
    while (f->in.at == f->end) {
        enum decoded chunk = next_chunk(f, e);
        if (chunk != DECODED_EVENT) return chunk;
        if (f->skipping) return begin_skipping(f, ev, e);
        if (f->type == FRAME_CONTROL) return read_control(f, ev, e);
    }
    return read_record(f, ev, e);
}

static void frames_close(struct decoder *d) {
    struct frames *f = (struct frames *)d;
    reader_free(&f->in);
    judge_free(&f->judge);
    free(f);
}

struct decoder *frames_open(
    struct bytes *in, struct json_scanner *scanner, const struct decode_options *o) {
    struct frames *f = mem_zero(1, sizeof *f);
    f->base = (struct decoder){.begin = frames_begin, .next = frames_next, .close = frames_close};
    reader_init(&f->in, in, o->max_line);
    if (f->in.most < FRAME_MOST + READER_ROOM) f->in.most = FRAME_MOST + READER_ROOM;
    judge_init(&f->judge, scanner, o);
    return &f->base;
}
