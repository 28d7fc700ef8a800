/* CSV and TSV: a row is an event, an object with the columns as its keys, in their order.
 *
 * Quoting is RFC 4180's, for TSV as well; blanks belong to the fields. A quote inside an
 * unquoted field stands for itself (37.8"N); anything but a delimiter behind a closing quote is
 * bad input. Each value is typed by itself: digits with an optional - and decimals, without
 * leading zeros or exponent, are a number and keep their digits; true and false; nothing,
 * quoted or not, is null; else text. --types fixes a column: text is never a number, num takes
 * any number that JSON knows, bool true and false; nothing is null there too. */
#include <csv.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "json/value.h"
#include "wire/csv_columns.h"
#include "wire/envelope.h"
#include "wire/judge.h"

struct csv {
    struct decoder base;
    struct reader in;
    struct judge judge;
    struct csv_parser parser;
    char delimiter;
    const char *types;
    struct csv_columns columns;
    bool whole_only;
    bool ready;    /* the columns are known */
    uint64_t line; /* lines that are behind us, with those of the row at hand */

    /* The row at hand. */
    size_t fed;      /* its bytes that libcsv has seen, from reader.at; whole lines */
    size_t searched; /* and that hold no newline beyond `fed` */
    uint64_t first_line;
    size_t fields, ends; /* as libcsv reported them; a lone CR gives more than one end */
    struct buf object;
    bool misfit; /* a value does not fit its column's type: the first is in `why` */
    struct err why;
    struct buf shown; /* the beginning of a row over the limit */
};

/* ---- values ---- */

static bool is_plain_number(struct slice s) {
    size_t i = s.p[0] == '-', whole = i;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') i++;
    if (i == whole || (s.p[whole] == '0' && i > whole + 1)) return false;
    if (i == s.n) return true;
    size_t point = i++;
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9') i++;
    return s.p[point] == '.' && i == s.n && i > point + 1;
}

static bool is_bool(struct slice s) { return slice_is(s, "true") || slice_is(s, "false"); }

static bool as_it_is(enum csv_type type, struct slice s) {
    switch (type) {
    case CSV_TEXT: return false;
    case CSV_NUM: return decimal_is_number(s);
    case CSV_BOOL: return is_bool(s);
    default:
        return (unsigned char)(s.p[0] - '0') < 10 || s.p[0] == '-' ? is_plain_number(s)
                                                                   : is_bool(s);
    }
}

static void write_string(struct buf *out, struct slice s) {
    bool special = false;
    for (size_t i = 0; i < s.n; i++)
        special |= (unsigned char)s.p[i] < ' ' || s.p[i] == '"' || s.p[i] == '\\';
    if (special) {
        json_write_string(out, s);
        return;
    }
    char *to = buf_reserve(out, s.n + 2);
    to[0] = to[s.n + 1] = '"';
    memcpy(to + 1, s.p, s.n);
    out->n += s.n + 2;
}

static void add_value(struct csv *c, const struct csv_column *column, struct slice s) {
    buf_add_slice(&c->object, column->prefix);
    if (s.n == 0) buf_add(&c->object, "null", 4);
    else if (as_it_is(column->type, s)) buf_add_slice(&c->object, s);
    else if (column->type <= CSV_TEXT) write_string(&c->object, s);
    else if (!c->misfit) {
        c->misfit = true;
        err_set(&c->why, EXIT_BAD_DATA, "%s: not %s: %s", column->name.p,
            column->type == CSV_NUM ? "a number" : "true or false", QUOTED(s));
    }
}

/* ---- libcsv ---- */

static void on_field(void *p, size_t n, void *data) {
    struct csv *c = data;
    struct slice s = {p ? p : "", p ? n : 0};
    if (!c->ready) csv_columns_add(&c->columns, s);
    else if (c->fields < c->columns.n) add_value(c, &c->columns.all[c->fields], s);
    c->fields++;
}

static void on_row(int c, void *data) {
    (void)c;
    ((struct csv *)data)->ends++;
}

static int never(unsigned char c) {
    (void)c;
    return 0;
}

static void *grow(void *p, size_t n) { return mem_grow(p, n, 1); }

enum { STRICTLY = CSV_STRICT | CSV_STRICT_FINI };

static void parser_start(struct csv *c) {
    csv_init(&c->parser, STRICTLY);
    csv_set_delim(&c->parser, (unsigned char)c->delimiter);
    csv_set_space_func(&c->parser, never);
    csv_set_realloc_func(&c->parser, grow);
}

static void parser_restart(struct csv *c) {
    csv_free(&c->parser);
    parser_start(c);
}

/* False: something behind a closing quote. */
static bool feed(struct csv *c, const char *p, size_t n) {
    for (;;) {
        size_t done = csv_parse(&c->parser, p, n, on_field, on_row, c);
        if (done == n) return true;
        if (c->parser.quoted) return false;
        csv_set_opts(&c->parser, 0);
        csv_parse(&c->parser, p + done, 1, on_field, on_row, c);
        csv_set_opts(&c->parser, STRICTLY);
        p += done + 1;
        n -= done + 1;
    }
}

/* ---- rows ---- */

static void begin_row(struct csv *c) {
    c->fed = c->searched = c->fields = c->ends = c->object.n = 0;
    c->misfit = false;
    c->first_line = c->line + 1;
}

static bool fill(struct csv *c, struct err *e) {
    size_t fresh, left = c->in.end - c->in.at;
    if (!reader_fill(&c->in, &fresh, e)) return false;
    c->base.bytes_read += c->in.end - left;
    return true;
}

static struct slice without_newline(struct slice s) {
    if (s.n && s.p[s.n - 1] == '\n') s.n--;
    if (s.n && s.p[s.n - 1] == '\r') s.n--;
    return s;
}

/* As an envelope shows it. */
static struct slice raw_row(const struct csv *c, size_t n) {
    return without_newline((struct slice){c->in.p + c->in.at, n});
}

static enum decoded drop_row(struct csv *c, size_t n, struct event *ev) {
    ev->text = raw_row(c, n);
    c->in.at += n;
    return decoded_bad(ev, "bad_row");
}

/* Behind a syntax error the next line is taken for the beginning of a row. */
static enum decoded broken_row(
    struct csv *c, size_t n, struct event *ev, struct err *e, const char *why) {
    parser_restart(c);
    err_set(e, EXIT_BAD_DATA, "%s", why);
    return drop_row(c, n, ev);
}

static bool drop_line(struct csv *c, struct err *e) {
    struct reader *in = &c->in;
    c->line++;
    for (;;) {
        const char *newline = memchr(in->p + in->at, '\n', in->end - in->at);
        in->at = newline ? (size_t)(newline + 1 - in->p) : in->end;
        if (newline || in->eof) return true;
        if (!fill(c, e)) return false;
    }
}

/* A row over the limit: its one line is dropped; of several, which are inside of quotes, those
 * that were seen. */
static enum decoded too_long(struct csv *c, struct event *ev, struct err *e) {
    c->shown.n = 0;
    buf_add_slice(&c->shown, reader_shown(&c->in, c->in.p + c->in.at));
    bool quoted = c->fed > 0;
    broken_row(c, c->fed, ev, e, "");
    if (!quoted && !drop_line(c, e)) return DECODED_FAILED;
    ev->text = buf_slice(&c->shown);
    reader_too_long(&c->in, ev, e);
    if (quoted) strncat(e->text, "; is a quote missing?", sizeof e->text - strlen(e->text) - 1);
    return DECODED_BAD;
}

static bool header_row(struct csv *c, struct err *e) {
    if (c->ends > 1)
        return err_set(
            e, EXIT_BAD_DATA, "the lines end in a lone CR: convert them with tr '\\r' '\\n'");
    c->ready = csv_columns_ready(&c->columns, c->types, e);
    return c->ready;
}

/* The row of n bytes at reader.at has been parsed. DECODED_END: it was the header. */
static enum decoded end_row(struct csv *c, size_t n, struct event *ev, struct err *e) {
    if (!c->ready) {
        c->in.at += n;
        return header_row(c, e) ? DECODED_END : DECODED_FAILED;
    }
    if (c->ends > 1) {
        err_set(e, EXIT_BAD_DATA, "a lone CR outside of quotes");
        return drop_row(c, n, ev);
    }
    if (c->fields != c->columns.n) {
        size_t columns = c->columns.n;
        err_set(e, EXIT_BAD_DATA, "%zu field%s, but %zu column%s", c->fields,
            c->fields == 1 ? "" : "s", columns, columns == 1 ? "" : "s");
        return drop_row(c, n, ev);
    }
    if (c->misfit) {
        *e = c->why;
        return drop_row(c, n, ev);
    }
    buf_addc(&c->object, '}');
    buf_addc(&c->object, '\n');
    memset(buf_reserve(&c->object, JSON_SLACK), 0, JSON_SLACK);
    struct slice text = {c->object.p, c->object.n - 1};
    const char *limit = c->object.p + c->object.n;
    size_t ignored;
    ev->text = text;
    ev->fields = judge_fields(&c->judge);
    if (json_scan_line(c->judge.scanner, text.p, limit, ev->fields, &ignored) ||
        json_scan(c->judge.scanner, text, limit + JSON_SLACK, ev->fields, e)) {
        c->in.at += n;
        return DECODED_EVENT;
    }
    struct slice raw = raw_row(c, n);
    size_t at;
    if (!utf8_valid(raw, &at)) err_set(e, EXIT_BAD_DATA, "byte %zu: not UTF-8", at + 1);
    return drop_row(c, n, ev);
}

static bool is_blank(const char *p, size_t n) {
    while (n && *p == '\r') p++, n--;
    return n == 0;
}

/* An abort line is obeyed in any text: it can only make a run fail. Inside of quotes too, where the writer broke off:
 * no good field holds a quote with '@' behind it. */
static bool is_abort(struct csv *c, struct slice line, struct err *e) {
    struct err ignored;
    if (!c->judge.obeys || !slice_starts(line, "{\"" CONTROL_FIELD "\":\"abort\"")) return false;
    line = without_newline(line);
    return json_scan(c->judge.scanner, line, line.p + line.n, judge_fields(&c->judge), &ignored) &&
           abort_read(line, e);
}

/* One more line of the row, or the rest of the file. DECODED_END: the row goes on. */
static enum decoded take_line(struct csv *c, size_t n, bool last, struct event *ev, struct err *e) {
    const char *p = c->in.p + c->in.at;
    c->line++;
    if (c->fed == 0 && is_blank(p, last ? n : n - 1)) {
        c->in.at += n;
        c->base.blank++;
        begin_row(c);
        return DECODED_END;
    }
    if (is_abort(c, (struct slice){p + c->fed, n - c->fed}, e)) {
        c->in.at += n;
        return parser_restart(c), DECODED_ABORT;
    }
    bool good = feed(c, p + c->fed, n - c->fed);
    c->fed = c->searched = n;
    if (!good) return broken_row(c, n, ev, e, "something behind a closing quote");
    if (last && csv_fini(&c->parser, on_field, on_row, c) != 0)
        return broken_row(c, n, ev, e, "ends inside of quotes");
    if (c->ends == 0) return DECODED_END;
    enum decoded what = end_row(c, n, ev, e);
    if (what == DECODED_END) begin_row(c);
    return what;
}

static enum decoded csv_next(struct decoder *d, struct event *ev, struct err *e) {
    struct csv *c = (struct csv *)d;
    struct reader *in = &c->in;
    ev->source = in->in->name;
    begin_row(c);
    enum decoded what = DECODED_END;
    while (what == DECODED_END) {
        const char *p = in->p + in->at;
        size_t left = in->end - in->at;
        const char *newline = memchr(p + c->searched, '\n', left - c->searched);
        c->searched = left;
        if (newline && (size_t)(newline - p) <= in->max_line) {
            what = take_line(c, (size_t)(newline - p) + 1, false, ev, e);
        } else if (newline || left > in->max_line) {
            what = too_long(c, ev, e);
        } else if (in->eof) {
            c->base.left = left && c->whole_only;
            if (left == 0 || c->whole_only) return DECODED_END;
            what = take_line(c, left, true, ev, e);
        } else if (!fill(c, e)) {
            what = DECODED_FAILED;
        }
    }
    ev->line = c->first_line;
    return what == DECODED_BAD && !c->ready ? DECODED_FAILED : what;
}

static void csv_close(struct decoder *d) {
    struct csv *c = (struct csv *)d;
    if (!c) return;
    reader_free(&c->in);
    judge_free(&c->judge);
    csv_free(&c->parser);
    csv_columns_free(&c->columns);
    buf_free(&c->object);
    buf_free(&c->shown);
    free(c);
}

struct decoder *csv_open(struct bytes *in, struct json_scanner *scanner,
    const struct decode_options *o, char delimiter, struct err *e) {
    struct csv *c = mem_zero(1, sizeof *c);
    c->base = (struct decoder){.next = csv_next, .close = csv_close};
    c->delimiter = delimiter;
    c->types = o->types;
    c->whole_only = o->whole_lines;
    reader_init(&c->in, in, o->max_line);
    judge_init(&c->judge, scanner, o);
    parser_start(c);
    if (!o->header) return &c->base;
    csv_columns_split(&c->columns, o->header);
    c->ready = csv_columns_ready(&c->columns, o->types, e);
    if (c->ready) return &c->base;
    csv_close(&c->base);
    return NULL;
}
