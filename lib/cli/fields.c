#include "cli/fields.h"

#include <stdlib.h>

static void remember(struct stage *st, int index, const struct json_path *path, const char *role) {
    size_t n = (size_t)index + 1;
    if (n > st->n_wanted) {
        st->wanted = mem_grow(st->wanted, n, sizeof *st->wanted);
        memset(st->wanted + st->n_wanted, 0, (n - st->n_wanted) * sizeof *st->wanted);
        st->n_wanted = n;
    }
    struct wanted *w = &st->wanted[index];
    if (!w->path) {
        struct buf text = {0};
        json_path_write(&text, path);
        w->path = mem_str(buf_slice(&text));
        buf_free(&text);
    }
    if (role && !w->role) {
        w->role = role;
        st->n_unseen++;
    }
}

int stage_want_path(struct stage *st, const struct json_path *path, const char *role) {
    int index = json_want(st->scanner, path);
    remember(st, index, path, role);
    return index;
}

struct naming {
    struct stage *st;
    const char *role;
};

static void remember_each(void *ctx, int index, const struct json_path *path) {
    struct naming *n = ctx;
    remember(n->st, index, path, n->role);
}

struct expr *stage_want(struct stage *st, struct expr *x, const char *role) {
    struct naming n = {st, role};
    if (x) expr_each_path(x, remember_each, &n);
    return x;
}

void fields_each(struct stage *st, const char *list, const char *option,
    void (*take)(struct stage *st, void *ctx, const struct json_path *path), void *ctx) {
    struct err e;
    for (struct slice rest = slice_of(list);; rest = (struct slice){rest.p + 1, rest.n - 1}) {
        struct json_path path;
        stage_must(
            st, json_path_parse_front(&rest, list, &path, &e) || err_at(&e, "%s", option), &e);
        take(st, ctx, &path);
        json_path_free(&path);
        if (!rest.n) return;
        if (rest.p[0] == ',') continue;
        err_set(&e, EXIT_USAGE, "%s: expected a comma, found %s", option, QUOTED(rest));
        stage_fail(st, &e);
    }
}

/* ---- were they there? ---- */

enum { NAMES_MAX = 256, NAMES_FROM_EVENTS = 32 };

static void add_name(struct stage *st, struct slice prefix, struct slice key) {
    struct buf name = {0};
    if (prefix.n) buf_printf(&name, "%.*s.", (int)prefix.n, prefix.p);
    buf_add_slice(&name, key);
    for (size_t i = 0; i < st->n_names; i++)
        if (slice_is(buf_slice(&name), st->names[i])) {
            buf_free(&name);
            return;
        }
    if (!st->names) st->names = mem_zero(NAMES_MAX, sizeof *st->names);
    if (st->n_names < NAMES_MAX) st->names[st->n_names++] = mem_str(buf_slice(&name));
    buf_free(&name);
}

/* Two levels of names from the first events: enough to find what a mistyped one was meant to be. */
static void collect_names(struct stage *st, struct slice prefix, const struct json_field *object) {
    struct json_field key, value;
    struct json_walk at = {0};
    while (json_next(object, &at, &key, &value)) {
        add_name(st, prefix, json_slice(&key));
        if (!prefix.n && value.kind == JSON_OBJECT) collect_names(st, json_slice(&key), &value);
    }
}

void fields_seen(struct stage *st, const struct event *ev) {
    struct json_field object = event_object(ev);
    st->looked = true;
    if (st->books.in < NAMES_FROM_EVENTS) collect_names(st, (struct slice){0}, &object);
    for (size_t i = 0; i < st->n_wanted; i++) {
        struct wanted *w = &st->wanted[i];
        if (!w->role || w->seen || ev->fields[i].kind == JSON_MISSING) continue;
        w->seen = true;
        st->n_unseen--;
    }
}

void fields_check(struct stage *st) {
    struct err e;
    for (size_t i = 0; st->n_unseen && i < st->n_wanted; i++) {
        const struct wanted *w = &st->wanted[i];
        if (!w->role || w->seen) continue;
        const char *near =
            err_nearest(slice_of(w->path), (const char *const *)st->names, st->n_names);
        bool same = near && strcmp(near, w->path) == 0; /* an earlier duplicate has it */
        if (same) near = NULL;
        bool text = !near && !same && strcmp(w->role, "--where") == 0;
        err_set(&e, EXIT_BAD_DATA,
            "%s: no event has the field %s%s%s (--allow-missing if that is right)", w->role,
            w->path,
            near   ? "; did you mean "
            : text ? "; text stands in quotes"
                   : "",
            near ? near : "");
        stage_fail(st, &e);
    }
}
