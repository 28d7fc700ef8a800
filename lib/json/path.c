#include "json/path.h"

#include <limits.h>
#include <stdlib.h>

#include "json/inner.h"
#include "json/value.h"

struct parser {
    const char *begin, *p, *end;
    bool dashes; /* '-' may stand in a plain name */
    struct json_path *out;
    struct err *e;
};

static bool fail(struct parser *ps, const char *at, const char *what) {
    return err_set(ps->e, EXIT_USAGE, "column %zu: %s", (size_t)(at - ps->begin) + 1, what);
}

static bool is_name_start(char c) {
    return (unsigned char)((c | 0x20) - 'a') < 26 || c == '_' || c == '$' || c == '@' || (c & 0x80);
}

static bool is_name(char c, bool dashes) {
    return is_name_start(c) || is_digit(c) || (dashes && c == '-');
}

static struct json_step *add_step(struct json_path *path) {
    path->steps = mem_grow(path->steps, path->n + 1, sizeof *path->steps);
    return &path->steps[path->n++];
}

static bool add_name(struct parser *ps, const char *at, struct buf *name) {
    size_t bad;
    if (!utf8_valid(buf_slice(name), &bad)) {
        buf_free(name);
        return fail(ps, at + bad, "not UTF-8");
    }
    buf_addc(name, '\0');
    *add_step(ps->out) = (struct json_step){.key = {name->p, name->n - 1}};
    return true;
}

static bool parse_quoted(struct parser *ps) {
    const char *open = ps->p++;
    struct buf name = {0};
    for (; ps->p < ps->end; ps->p++) {
        if (*ps->p == '`') {
            ps->p++;
            if (ps->p == ps->end || *ps->p != '`') return add_name(ps, open + 1, &name);
        }
        buf_addc(&name, *ps->p);
    }
    buf_free(&name);
    return fail(ps, open, "a backquote without its end");
}

static bool parse_name(struct parser *ps) {
    const char *at = ps->p;
    if (at < ps->end && *at == '`') return parse_quoted(ps);
    if (at == ps->end || !is_name_start(*at))
        return fail(ps, at,
            at == ps->end ? "expected a name, found the end"
                          : "expected a name; one that is not plain stands in `backquotes`");
    while (ps->p < ps->end && is_name(*ps->p, ps->dashes)) ps->p++;
    struct buf name = {0};
    buf_add(&name, at, (size_t)(ps->p - at));
    return add_name(ps, at, &name);
}

static bool parse_index(struct parser *ps) {
    const char *digits = ++ps->p;
    long index = 0;
    for (; ps->p < ps->end && is_digit(*ps->p); ps->p++) {
        if (index > (INT_MAX - 9) / 10) return fail(ps, digits, "the index is too large");
        index = index * 10 + (*ps->p - '0');
    }
    if (ps->p == digits) return fail(ps, digits, "expected an index, a number from 0");
    if (ps->p == ps->end || *ps->p != ']') return fail(ps, ps->p, "expected ']'");
    ps->p++;
    *add_step(ps->out) = (struct json_step){.index = index};
    return true;
}

static bool parse_steps(struct parser *ps) {
    if (!parse_name(ps)) return false;
    while (ps->p < ps->end) {
        if (*ps->p == '.') {
            ps->p++;
            if (!parse_name(ps)) return false;
        } else if (*ps->p == '[') {
            if (!parse_index(ps)) return false;
        } else {
            break;
        }
    }
    return true;
}

static bool parse(struct parser *ps) {
    *ps->out = (struct json_path){0};
    if (parse_steps(ps)) return true;
    json_path_free(ps->out);
    return false;
}

bool json_path_parse(struct slice text, struct json_path *out, struct err *e) {
    struct parser ps = {text.p, text.p, text.p + text.n, true, out, e};
    if (!parse(&ps)) return false;
    if (ps.p == ps.end) return true;
    json_path_free(out);
    return fail(&ps, ps.p, "expected '.', '[' or the end of the path");
}

bool json_path_parse_front(
    struct slice *text, const char *origin, struct json_path *out, struct err *e) {
    struct parser ps = {origin, text->p, text->p + text->n, false, out, e};
    if (!parse(&ps)) return false;
    *text = (struct slice){ps.p, (size_t)(ps.end - ps.p)};
    return true;
}

void json_path_free(struct json_path *p) {
    for (size_t i = 0; i < p->n; i++) free((char *)p->steps[i].key.p);
    free(p->steps);
    *p = (struct json_path){0};
}

bool json_step_eq(const struct json_step *a, const struct json_step *b) {
    if (!a->key.p || !b->key.p) return !a->key.p && !b->key.p && a->index == b->index;
    return slice_eq(a->key, b->key);
}

bool json_path_eq(const struct json_path *a, const struct json_path *b) {
    if (a->n != b->n) return false;
    for (size_t i = 0; i < a->n; i++)
        if (!json_step_eq(&a->steps[i], &b->steps[i])) return false;
    return true;
}

/* A name with '-' is quoted too, so that expressions can read it. */
static bool is_plain_name(struct slice name) {
    if (name.n == 0 || !is_name_start(name.p[0])) return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_name(name.p[i], false)) return false;
    return true;
}

static void write_name(struct buf *out, struct slice name) {
    if (is_plain_name(name)) {
        buf_add_slice(out, name);
        return;
    }
    buf_addc(out, '`');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '`') buf_addc(out, '`');
        buf_addc(out, name.p[i]);
    }
    buf_addc(out, '`');
}

void json_path_write(struct buf *out, const struct json_path *p) {
    for (size_t i = 0; i < p->n; i++) {
        const struct json_step *step = &p->steps[i];
        if (!step->key.p) {
            buf_printf(out, "[%ld]", step->index);
            continue;
        }
        if (i > 0) buf_addc(out, '.');
        write_name(out, step->key);
    }
}

struct slice json_path_name(const struct json_path *p) {
    return p->n ? p->steps[p->n - 1].key : (struct slice){0};
}
