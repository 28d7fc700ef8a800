#include "cli/projection.h"

#include <stdlib.h>

#include "cli/fields.h"
#include "json/value.h"

/* A member to write: a field, or an object with members of its own. */
struct member {
    struct slice key;     /* unescaped, owned by the path */
    struct buf name;      /* "key": */
    int field;            /* -1: an object */
    struct member *first; /* of an object */
    struct member *next;
};

struct projection {
    struct member *members;
    struct buf out;
};

static struct member *find_or_add(struct member **list, struct slice key) {
    for (; *list; list = &(*list)->next)
        if (slice_eq((*list)->key, key)) return *list;
    struct member *m = *list = mem_zero(1, sizeof *m);
    m->key = (struct slice){mem_str(key), key.n};
    m->field = -1;
    json_write_string(&m->name, key);
    buf_addc(&m->name, ':');
    return m;
}

static void add_path(struct stage *st, void *ctx, const struct json_path *path) {
    struct projection *p = ctx;
    struct err e;
    struct member **list = &p->members, *m = NULL;
    for (size_t i = 0; i < path->n; i++) {
        if (!path->steps[i].key.p) {
            err_set(&e, EXIT_USAGE,
                "--fields: an element of an array cannot be picked; name the array");
            stage_fail(st, &e);
        }
        m = find_or_add(list, path->steps[i].key);
        list = &m->first;
    }
    if (m) m->field = stage_want_path(st, path, "--fields"); /* a path has a step */
}

struct projection *projection_new(struct stage *st, const char *list) {
    struct projection *p = mem_zero(1, sizeof *p);
    fields_each(st, list, "--fields", add_path, p);
    return p;
}

static void add_value(struct buf *out, const struct json_field *f) {
    bool quoted = f->kind == JSON_STRING;
    if (quoted) buf_addc(out, '"');
    buf_add(out, f->p, f->n);
    if (quoted) buf_addc(out, '"');
}

/* Writes the members that the event has; false when it has none of them. */
static bool add_members(struct buf *out, const struct member *m, const struct event *ev) {
    bool any = false;
    for (; m; m = m->next) {
        size_t before = out->n;
        buf_addc(out, any ? ',' : '{');
        buf_add_slice(out, buf_slice(&m->name));
        bool has = m->field >= 0 && ev->fields[m->field].kind != JSON_MISSING;
        if (has) add_value(out, &ev->fields[m->field]);
        else has = m->field < 0 && add_members(out, m->first, ev);
        if (!has) out->n = before;
        any = any || has;
    }
    if (any) buf_addc(out, '}');
    return any;
}

struct slice projection_apply(struct projection *p, const struct event *ev) {
    p->out.n = 0;
    if (!add_members(&p->out, p->members, ev)) buf_adds(&p->out, "{}");
    return buf_slice(&p->out);
}
