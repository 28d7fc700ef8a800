#include "wire/commitlog.h"

#include <inttypes.h>
#include <stdlib.h>

#include "json/scan.h"
#include "json/value.h"

enum field {
    F_LOG,
    F_END,
    F_REWRITE,
    F_TXN,
    F_SINK,
    F_RUN,
    F_PIPELINE,
    F_UUID,
    F_GENERATION,
    F_EPOCH,
    F_PLAN,
    F_RERUN,
    F_ADD,
    F_ADD_PATH,
    F_SIZE,
    F_ROWS,
    F_LEAST,
    F_GREATEST,
    F_REMOVE,
    F_REMOVE_PATH,
    FIELDS
};

static const char *const paths[FIELDS] = {
    [F_LOG] = "log",
    [F_END] = "end",
    [F_REWRITE] = "rewrite",
    [F_TXN] = "txn",
    [F_SINK] = "txn.sink",
    [F_RUN] = "txn.run",
    [F_PIPELINE] = "txn.pipeline",
    [F_UUID] = "txn.uuid",
    [F_GENERATION] = "txn.generation",
    [F_EPOCH] = "txn.epoch",
    [F_PLAN] = "txn.plan",
    [F_RERUN] = "txn.rerun",
    [F_ADD] = "add",
    [F_ADD_PATH] = "add.path",
    [F_SIZE] = "add.size",
    [F_ROWS] = "add.rows",
    [F_LEAST] = "add.least",
    [F_GREATEST] = "add.greatest",
    [F_REMOVE] = "remove",
    [F_REMOVE_PATH] = "remove.path",
};

/* ---- writing ---- */

static void add_text(struct buf *out, const char *name, struct slice text) {
    if (!text.p) return;
    buf_printf(out, ",\"%s\":", name);
    json_write_string(out, text);
}

static void add_time(struct buf *out, const char *name, int64_t time) {
    if (time == TIME_NONE) return;
    buf_printf(out, ",\"%s\":\"", name);
    buf_add_time(out, time);
    buf_addc(out, '"');
}

static void add_file(struct buf *out, const struct log_line *l) {
    buf_adds(out, "{\"add\":{\"path\":");
    json_write_string(out, l->path);
    buf_printf(out, ",\"size\":%" PRIu64, l->size);
    if (l->rows >= 0) buf_printf(out, ",\"rows\":%" PRId64, l->rows);
    add_time(out, "least", l->least);
    add_time(out, "greatest", l->greatest);
    buf_adds(out, "}}\n");
}

static void add_txn(struct buf *out, const struct log_line *l) {
    buf_adds(out, "{\"txn\":{\"sink\":");
    json_write_string(out, l->sink);
    add_text(out, "run", l->run);
    if (l->rerun) buf_printf(out, ",\"rerun\":%" PRIu64, l->rerun);
    if (l->pipeline.p) {
        add_text(out, "pipeline", l->pipeline);
        add_text(out, "uuid", l->uuid);
        buf_printf(out, ",\"generation\":%" PRId64 ",\"epoch\":%" PRIu64, l->generation, l->epoch);
        if (l->plan) buf_printf(out, ",\"plan\":\"%016" PRIx64 "\"", l->plan);
    }
    buf_adds(out, "}}\n");
}

void log_line_write(struct buf *out, const struct log_line *l) {
    switch (l->kind) {
    case LOG_BEGIN: buf_printf(out, "{\"log\":%d}\n", LOG_VERSION); break;
    case LOG_TXN: add_txn(out, l); break;
    case LOG_ADD: add_file(out, l); break;
    case LOG_REMOVE:
        buf_adds(out, "{\"remove\":{\"path\":");
        json_write_string(out, l->path);
        buf_adds(out, "}}\n");
        break;
    case LOG_REWRITE: buf_adds(out, "{\"rewrite\":true}\n"); break;
    case LOG_END: buf_printf(out, "{\"end\":%" PRIu64 "}\n", l->lines); break;
    }
}

/* ---- reading ---- */

struct log_parser {
    struct json_scanner *scanner;
    struct json_field fields[FIELDS];
    struct buf scratch[4];
    uint64_t lines; /* of this record, its begin too */
    bool ended;
};

struct log_parser *log_parser_new(void) {
    struct log_parser *p = mem_zero(1, sizeof *p);
    p->scanner = json_scanner_new(8);
    for (int i = 0; i < FIELDS; i++) {
        struct json_path path;
        struct err never;
        (void)json_path_parse(slice_of(paths[i]), &path, &never);
        (void)json_want(p->scanner, &path);
        json_path_free(&path);
    }
    return p;
}

void log_parser_free(struct log_parser *p) {
    if (!p) return;
    json_scanner_free(p->scanner);
    for (size_t i = 0; i < 4; i++) buf_free(&p->scratch[i]);
    free(p);
}

void log_parser_start(struct log_parser *p) {
    p->lines = 0;
    p->ended = false;
}

static bool bad(struct err *e, const char *what) {
    return err_set(e, EXIT_IO, "the commit log is damaged: %s", what);
}

static bool get_number(const struct json_field *f, int64_t absent, int64_t *out) {
    *out = absent;
    if (!f->p) return true;
    if (f->kind != JSON_NUMBER || !f->n || f->n > 18) return false;
    *out = 0;
    for (uint32_t i = 0; i < f->n; i++) {
        if (f->p[i] < '0' || f->p[i] > '9') return false;
        *out = *out * 10 + (f->p[i] - '0');
    }
    return true;
}

static bool get_count(const struct json_field *f, uint64_t *out) {
    int64_t n;
    bool ok = get_number(f, 0, &n);
    *out = (uint64_t)n;
    return ok;
}

static bool get_time(struct log_parser *p, const struct json_field *f, int64_t *out) {
    struct time_format plain = {0};
    struct slice text;
    *out = TIME_NONE;
    return !f->p || (f->kind == JSON_STRING && json_text(f, &p->scratch[0], &text) &&
                        time_parse(&plain, text, out) == TIME_OK);
}

static bool get_text(const struct json_field *f, struct buf *scratch, struct slice *out) {
    *out = (struct slice){0};
    return !f->p || (f->kind == JSON_STRING && json_text(f, scratch, out) && out->n &&
                        !memchr(out->p, 0, out->n));
}

/* 16 digits. */
static bool get_hash(const struct json_field *f, uint64_t *out) {
    static const char digits[] = "0123456789abcdef";
    *out = 0;
    if (!f->p) return true;
    if (f->kind != JSON_STRING || f->n != 16) return false;
    for (uint32_t i = 0; i < f->n; i++) {
        const char *digit = memchr(digits, f->p[i], 16);
        if (!digit) return false;
        *out = *out << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

/* A log may come from anywhere: no path in it leads out of its folder, or to what is hidden there. */
static bool is_below(struct slice path) {
    if (!path.n || path.n > LOG_PATH_MAX || path.p[path.n - 1] == '/') return false;
    for (size_t i = 0; i < path.n; i++)
        if ((i == 0 || path.p[i - 1] == '/') && strchr("/._", path.p[i])) return false;
    return true;
}

static bool read_path(struct log_parser *p, enum field field, struct log_line *out, struct err *e) {
    if (!p->fields[field].p || !get_text(&p->fields[field], &p->scratch[1], &out->path))
        return bad(e, "a file has no path");
    return is_below(out->path) ||
           err_set(e, EXIT_IO, "the commit log is damaged: %s is no path in its folder",
               QUOTED(out->path));
}

static bool read_add(struct log_parser *p, struct log_line *out, struct err *e) {
    const struct json_field *f = p->fields;
    out->kind = LOG_ADD;
    bool ok = f[F_SIZE].p && get_count(&f[F_SIZE], &out->size) &&
              get_number(&f[F_ROWS], -1, &out->rows) && get_time(p, &f[F_LEAST], &out->least) &&
              get_time(p, &f[F_GREATEST], &out->greatest);
    return ok ? read_path(p, F_ADD_PATH, out, e) : bad(e, "the size, rows or times of a file");
}

static bool read_txn(struct log_parser *p, struct log_line *out, struct err *e) {
    const struct json_field *f = p->fields;
    out->kind = LOG_TXN;
    bool ok = get_text(&f[F_SINK], &p->scratch[0], &out->sink) && out->sink.p &&
              get_text(&f[F_RUN], &p->scratch[1], &out->run) && out->run.p &&
              get_text(&f[F_PIPELINE], &p->scratch[2], &out->pipeline) &&
              get_text(&f[F_UUID], &p->scratch[3], &out->uuid) &&
              get_number(&f[F_GENERATION], 0, &out->generation) &&
              get_count(&f[F_EPOCH], &out->epoch) && get_hash(&f[F_PLAN], &out->plan) &&
              get_count(&f[F_RERUN], &out->rerun);
    return (ok && !out->pipeline.p == !out->uuid.p) || bad(e, "a txn is not understood");
}

static bool read_frame(struct log_parser *p, struct log_line *out, struct err *e) {
    int64_t version;
    if (p->lines == 0) {
        out->kind = LOG_BEGIN;
        if (!get_number(&p->fields[F_LOG], 0, &version) || !version)
            return bad(e, "its first line is not {\"log\":1}");
        return version == LOG_VERSION ||
               err_set(e, EXIT_IO,
                   "the commit log is of version %" PRId64 ", and this tool knows version %d",
                   version, LOG_VERSION);
    }
    out->kind = LOG_END;
    p->ended = get_count(&p->fields[F_END], &out->lines) && out->lines == p->lines - 1;
    return p->ended || bad(e, "its last line counts other lines");
}

static bool read_line(struct log_parser *p, struct log_line *out, struct err *e) {
    const struct json_field *f = p->fields;
    if (p->lines == 0 || f[F_END].p) return read_frame(p, out, e);
    if (f[F_ADD].p) return read_add(p, out, e);
    if (f[F_TXN].p) return read_txn(p, out, e);
    if (f[F_REMOVE].p) {
        out->kind = LOG_REMOVE;
        return read_path(p, F_REMOVE_PATH, out, e);
    }
    out->kind = LOG_REWRITE;
    return f[F_REWRITE].kind == JSON_TRUE || bad(e, "a line of an unknown kind");
}

bool log_parser_next(struct log_parser *p, struct slice text, struct log_line *out, struct err *e) {
    *out = (struct log_line){.rows = -1, .least = TIME_NONE, .greatest = TIME_NONE};
    if (p->ended) return bad(e, "lines stand behind its end");
    if (!json_scan(p->scanner, text, text.p + text.n, p->fields, e)) {
        e->code = EXIT_IO;
        return err_at(e, "the commit log is damaged");
    }
    if (!read_line(p, out, e)) return false;
    p->lines++;
    return true;
}

bool log_parser_done(const struct log_parser *p, struct err *e) {
    return p->ended || bad(e, "it is cut off");
}

struct slice log_name_of(struct slice path) {
    const char *slash = memrchr(path.p, '/', path.n);
    const char *name = slash ? slash + 1 : path.p;
    return (struct slice){name, (size_t)(path.p + path.n - name)};
}
