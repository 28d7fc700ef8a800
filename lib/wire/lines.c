/* One JSON object a line. */
#include <stdlib.h>

#include "wire/judge.h"

struct lines {
    struct decoder base;
    struct reader in;
    struct judge judge;
    size_t whole;  /* behind the last newline in the buffer: [at, whole) are complete lines */
    bool skipping; /* the rest of a line over the limit */
    bool whole_only;
    uint64_t line;
};

static bool is_blank(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\t' && s.p[i] != '\r') return false;
    return true;
}

/* Takes the line [at, end of n bytes) and `newline` bytes behind it. DECODED_END: it was blank. */
static enum decoded take_line(
    struct lines *l, size_t n, size_t newline, struct event *ev, struct err *e) {
    struct reader *in = &l->in;
    struct slice text = {in->p + in->at, n};
    in->at += n + newline;
    ev->line = ++l->line;
    if (n > in->max_line) {
        ev->text = reader_shown(in, text.p);
        return reader_too_long(in, ev, e);
    }
    if (is_blank(text)) {
        l->base.blank++;
        return DECODED_END;
    }
    enum decoded what = judge_text(&l->judge, text, in->p + in->end + JSON_SLACK, ev, e);
    if (l->judge.ended) l->whole = in->at;
    return what;
}

static enum decoded control(struct lines *l, struct event *ev, struct err *e) {
    enum decoded what = judge_control(&l->judge, ev, e);
    if (l->judge.ended) l->whole = l->in.at; /* nothing may follow */
    return what;
}

/* The lines [at, whole) one by one; DECODED_END when a blank one was passed over. */
static inline enum decoded next_line(struct lines *l, struct event *ev, struct err *e) {
    struct reader *in = &l->in;
    const char *p = in->p + in->at, *end = in->p + l->whole;
    size_t n;
    const char *newline = json_scan_line(l->judge.scanner, p, end, judge_fields(&l->judge), &n);
    if (__builtin_expect(!newline || (size_t)(newline - p) > in->max_line, 0)) {
        newline = memchr(p, '\n', (size_t)(end - p));
        return take_line(l, (size_t)(newline - p), 1, ev, e);
    }
    in->at = (size_t)(newline + 1 - in->p);
    ev->text = (struct slice){p, (size_t)(newline - p)};
    ev->fields = l->judge.fields;
    ev->line = ++l->line;
    return judge_is_control(&l->judge) ? control(l, ev, e) : DECODED_EVENT;
}

/* No newline in [at, end), and the buffer may not grow any more: what it holds is shown, what
 * follows up to the newline is read and dropped. */
static enum decoded begin_skipping(struct lines *l, struct event *ev, struct err *e) {
    struct reader *in = &l->in;
    ev->text = reader_shown(in, in->p + in->at);
    ev->line = ++l->line;
    in->at = in->end;
    l->skipping = true;
    return reader_too_long(in, ev, e);
}

static void skip(struct lines *l, size_t fresh) {
    struct reader *in = &l->in;
    const char *newline = memchr(in->p + fresh, '\n', in->end - fresh);
    in->at = newline ? (size_t)(newline + 1 - in->p) : in->end;
    l->skipping = !newline;
}

static bool fill(struct lines *l, struct err *e) {
    size_t fresh, before = l->in.end - l->in.at;
    if (!reader_fill(&l->in, &fresh, e)) return false;
    l->base.bytes_read += l->in.end - before;
    if (l->skipping) skip(l, fresh);
    l->whole = l->judge.ended ? 0 : reader_last_line_end(&l->in, fresh);
    return true;
}

/* Control lines begin with just these bytes, so that what only looks like an event is left to next(). */
#define OPEN_LINE "{\"" CONTROL_FIELD "\":\"open\","
enum { TOLD = 7 }; /* so many of them no event has */

static bool lines_begin(struct decoder *d, struct err *e) {
    struct lines *l = (struct lines *)d;
    struct reader *in = &l->in;
    for (;;) {
        struct slice has = {in->p + in->at, in->end - in->at};
        size_t n = has.n < strlen(OPEN_LINE) ? has.n : strlen(OPEN_LINE);
        const char *newline = memchr(has.p, '\n', has.n);
        if (memcmp(has.p, OPEN_LINE, n) != 0) return true;
        if ((newline ? (size_t)(newline - has.p) : has.n) > in->max_line) return true;
        if (in->eof && !newline) return n < TOLD || judge_truncated(&l->judge, e) == DECODED_END;
        if (!newline && !fill(l, e)) return false;
        if (!newline) continue;
        if (!judge_open(&l->judge, (struct slice){has.p, (size_t)(newline - has.p)}, e))
            return false;
        in->at = (size_t)(newline + 1 - in->p);
        l->line = 1;
        l->base.open = &l->judge.open;
        return true;
    }
}

static enum decoded lines_next(struct decoder *d, struct event *ev, struct err *e) {
    struct lines *l = (struct lines *)d;
    struct reader *in = &l->in;
    ev->source = in->in->name;
    for (;;) {
        enum decoded what = DECODED_END;
        size_t left = in->end - in->at;
        if (__builtin_expect(in->at < l->whole, 1)) {
            what = next_line(l, ev, e);
        } else if (left > in->max_line) {
            what = begin_skipping(l, ev, e);
        } else if (l->judge.ended && left) {
            ev->line = l->line;
            return judge_beyond(e);
        } else if (in->eof) {
            ev->line = l->line;
            l->base.left = left && l->whole_only;
            if (left == 0 || l->judge.opened || l->whole_only) return judge_end(&l->judge, e);
            what = take_line(l, left, 0, ev, e);
        } else if (!fill(l, e)) {
            ev->line = l->line;
            return DECODED_FAILED;
        }
        if (what != DECODED_END) return what;
    }
}

static uint64_t lines_offset(const struct decoder *d) {
    const struct lines *l = (const struct lines *)d;
    return l->skipping ? 0 : l->base.bytes_read - (l->in.end - l->in.at);
}

static void lines_close(struct decoder *d) {
    struct lines *l = (struct lines *)d;
    if (!l) return;
    reader_free(&l->in);
    judge_free(&l->judge);
    free(l);
}

struct decoder *lines_open(
    struct bytes *in, struct json_scanner *scanner, const struct decode_options *o) {
    struct lines *l = mem_zero(1, sizeof *l);
    l->base = (struct decoder){.begin = o->may_open ? lines_begin : NULL,
        .next = lines_next,
        .offset = lines_offset,
        .close = lines_close,
        .bytes_read = o->skipped};
    l->line = o->skipped_lines;
    l->whole_only = o->whole_lines;
    reader_init(&l->in, in, o->max_line);
    l->in.started = o->skipped > 0;
    judge_init(&l->judge, scanner, o);
    return &l->base;
}
