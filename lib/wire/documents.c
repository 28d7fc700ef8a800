/* JSON documents: the elements of arrays, and values one behind the other, each an event. An
 * event keeps its bytes, except that a newline between its tokens becomes a space (a CR too):
 * an event is a line. Memory holds one element, never the array. */
#include <stdlib.h>

#include "wire/judge.h"

enum expected { ELEMENT_OR_END, ELEMENT, COMMA_OR_END };

struct documents {
    struct decoder base;
    struct reader in;
    struct judge judge;
    bool in_array;
    enum expected expected; /* in an array */
    struct buf open;        /* the closing brackets that the value at hand waits for */
    size_t seen;            /* its bytes that were looked at, from reader.at */
    bool in_string, escaped;
    bool too_long; /* its beginning is in `shown`, the rest is dropped as it comes */
    struct buf shown;
    uint64_t line; /* where in.at + seen is */
};

static enum decoded broken(const struct documents *d, struct event *ev) {
    ev->line = d->line;
    return DECODED_FAILED;
}

/* Reads more; false at the end of the input (*e untouched) or on an error. */
static bool more(struct documents *d, bool *failed, struct err *e) {
    struct reader *in = &d->in;
    size_t fresh, left = in->end - in->at;
    if (in->eof) return false;
    *failed = !reader_fill(in, &fresh, e);
    if (!*failed) d->base.bytes_read += in->end - left;
    return !*failed && (!in->eof || in->end - in->at > d->seen);
}

/* ---- between values ---- */

/* The next byte that is no white space, not taken; 0 at the end, or *failed. */
static char peek(struct documents *d, bool *failed, struct err *e) {
    struct reader *in = &d->in;
    *failed = false;
    for (;;) {
        for (; in->at < in->end; in->at++) {
            char c = in->p[in->at];
            if (c == '\n') d->line++;
            else if (c != ' ' && c != '\t' && c != '\r') return c ? c : '\x01';
        }
        if (!more(d, failed, e)) return 0;
    }
}

static bool expect(char found, const char *what, struct err *e) {
    struct slice s = {&found, 1};
    return err_set(e, EXIT_BAD_DATA, "expected %s, found %s", what, found ? QUOTED(s) : "the end");
}

/* Goes to the first byte of the next value. DECODED_EVENT: it is there. */
static enum decoded find_value(struct documents *d, struct event *ev, struct err *e) {
    for (;;) {
        bool failed;
        char c = peek(d, &failed, e);
        if (failed) return broken(d, ev);
        if (!d->in_array) {
            if (c == 0) return DECODED_END;
            if (c != '[') return DECODED_EVENT;
            d->in_array = true;
            d->expected = ELEMENT_OR_END;
        } else if (c == ']' && d->expected != ELEMENT) {
            d->in_array = false;
        } else if (d->expected == COMMA_OR_END) {
            if (c != ',' && !expect(c, "',' or ']' behind an element", e)) return broken(d, ev);
            d->expected = ELEMENT;
        } else if (c == 0 || c == ',' || c == ']') {
            expect(c, "an element", e);
            return broken(d, ev);
        } else {
            d->expected = COMMA_OR_END;
            return DECODED_EVENT;
        }
        d->in.at++;
    }
}

/* ---- one value ---- */

static bool closes(struct documents *d, char c, struct err *e) {
    char want = d->open.n ? d->open.p[d->open.n - 1] : 0;
    if (c != want) return err_set(e, EXIT_BAD_DATA, "'%c' where nothing like it is open", c);
    d->open.n--;
    return true;
}

/* Inside a string: looks on to its end. */
static void pass_string(struct documents *d, const char *p, size_t n) {
    size_t i = d->seen, newlines = 0;
    bool escaped = d->escaped, inside = true;
    for (; i < n && inside; i++) {
        inside = escaped || p[i] != '"';
        escaped = !escaped && p[i] == '\\';
        newlines += p[i] == '\n';
    }
    d->seen = i;
    d->line += newlines;
    d->escaped = escaped;
    d->in_string = inside;
}

enum part { PART_MORE, PART_WHOLE, PART_BROKEN };

/* One byte outside of strings; a value ends with its last bracket or quote, or before what
 * cannot be in it. */
static enum part pass_byte(struct documents *d, char *p, struct err *e) {
    bool inside = d->open.n > 0, begun = d->seen > 0 || d->too_long;
    switch (*p) {
    case '\n':
    case '\r':
    case ' ':
    case '\t':
        if (!inside) return PART_WHOLE;
        if (*p == '\n') d->line++;
        if (*p == '\n' || *p == '\r') *p = ' ';
        break;
    case '"':
        if (!inside && begun) return PART_WHOLE;
        d->in_string = true;
        break;
    case '{':
    case '[':
        if (!inside && begun) return PART_WHOLE;
        if (d->open.n > d->in.max_line) {
            err_set(e, EXIT_BAD_DATA, "more than %zu levels deep", d->in.max_line);
            return PART_BROKEN;
        }
        buf_addc(&d->open, *p == '{' ? '}' : ']');
        break;
    case '}':
    case ']':
        if (!inside && begun) return PART_WHOLE;
        if (!closes(d, *p, e)) return PART_BROKEN;
        if (d->open.n == 0) {
            d->seen++;
            return PART_WHOLE;
        }
        break;
    case ',':
        if (!inside && begun) return PART_WHOLE;
        break;
    }
    d->seen++;
    return PART_MORE;
}

static enum part pass_value(struct documents *d, struct err *e) {
    char *p = d->in.p + d->in.at;
    size_t n = d->in.end - d->in.at;
    while (d->seen < n) {
        if (d->in_string) {
            pass_string(d, p, n);
            if (!d->in_string && d->open.n == 0) return PART_WHOLE;
            continue;
        }
        enum part part = pass_byte(d, p + d->seen, e);
        if (part != PART_MORE) return part;
    }
    return PART_MORE;
}

/* Keeps the beginning of a value over the limit for its envelope and drops what has been looked
 * at. */
static void drop_seen(struct documents *d) {
    if (!d->too_long) {
        d->shown.n = 0;
        buf_add_slice(&d->shown, reader_shown(&d->in, d->in.p + d->in.at));
        d->too_long = true;
    }
    d->in.at += d->seen;
    d->seen = 0;
}

/* Looks at the value at reader.at to its end: d->seen is its length. PART_MORE: the input ends
 * inside of it. */
static enum part whole_value(struct documents *d, bool *failed, struct err *e) {
    *failed = d->escaped = d->in_string = d->too_long = false;
    d->open.n = d->seen = 0;
    for (;;) {
        enum part part = pass_value(d, e);
        if (d->seen > d->in.max_line || d->too_long) drop_seen(d);
        if (part != PART_MORE || !more(d, failed, e)) return part;
    }
}

static enum decoded judge_value(
    struct documents *d, uint64_t begin, struct event *ev, struct err *e) {
    struct reader *in = &d->in;
    struct slice text = {in->p + in->at, d->seen};
    in->at += d->seen;
    d->seen = 0;
    enum decoded what = judge_text(&d->judge, text, in->p + in->end + JSON_SLACK, ev, e);
    if (what != DECODED_BAD || strcmp(ev->bad_code, "bad_json") != 0) return what;
    if (begin != d->line) err_at(e, "in the value that begins here");
    return DECODED_FAILED;
}

static enum decoded documents_next(struct decoder *decoder, struct event *ev, struct err *e) {
    struct documents *d = (struct documents *)decoder;
    ev->source = d->in.in->name;
    enum decoded found = find_value(d, ev, e);
    if (found != DECODED_EVENT) return found;
    uint64_t begin = ev->line = d->line;
    bool failed;
    enum part part = whole_value(d, &failed, e);
    if (failed || part == PART_BROKEN) return broken(d, ev);
    if (part == PART_MORE && (d->open.n || d->in_string)) {
        err_set(e, EXIT_BAD_DATA, "ends inside the value that begins here");
        return DECODED_FAILED;
    }
    if (!d->too_long) return judge_value(d, begin, ev, e);
    ev->text = buf_slice(&d->shown);
    return reader_too_long(&d->in, ev, e);
}

static void documents_close(struct decoder *decoder) {
    struct documents *d = (struct documents *)decoder;
    if (!d) return;
    reader_free(&d->in);
    judge_free(&d->judge);
    buf_free(&d->open);
    buf_free(&d->shown);
    free(d);
}

struct decoder *documents_open(
    struct bytes *in, struct json_scanner *scanner, const struct decode_options *o) {
    struct documents *d = mem_zero(1, sizeof *d);
    d->base = (struct decoder){.next = documents_next, .close = documents_close};
    d->line = 1;
    reader_init(&d->in, in, o->max_line);
    judge_init(&d->judge, scanner, o);
    return &d->base;
}
