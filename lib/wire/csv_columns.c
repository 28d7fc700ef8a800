#include "wire/csv_columns.h"

#include <stdlib.h>

#include "json/value.h"
#include "wire/event.h"

void csv_columns_add(struct csv_columns *c, struct slice name) {
    c->all = mem_grow(c->all, c->n + 1, sizeof *c->all);
    c->all[c->n++] = (struct csv_column){.name = {mem_str(name), name.n}};
}

void csv_columns_split(struct csv_columns *c, const char *header) {
    c->of_option = true;
    for (const char *p = header;; p++) {
        size_t n = strcspn(p, ",");
        csv_columns_add(c, (struct slice){p, n});
        p += n;
        if (!*p) return;
    }
}

void csv_columns_free(struct csv_columns *c) {
    for (size_t i = 0; i < c->n; i++) {
        free((char *)c->all[i].name.p);
        free((char *)c->all[i].prefix.p);
    }
    free(c->all);
    *c = (struct csv_columns){0};
}

/* ---- types ---- */

bool csv_types_next(const char **types, struct slice *name, enum csv_type *type, struct err *e) {
    static const char *const names[] = {
        [CSV_TEXT] = "text", [CSV_NUM] = "num", [CSV_BOOL] = "bool"};
    if (!**types) return false;
    struct slice part = {*types, strcspn(*types, ",")};
    const char *colon = memrchr(part.p, ':', part.n);
    struct slice word = {"", 0};
    if (colon) word = (struct slice){colon + 1, (size_t)(part.p + part.n - colon) - 1};
    for (*type = CSV_TEXT; *type <= CSV_BOOL && !slice_is(word, names[*type]);) ++*type;
    if (*type > CSV_BOOL || colon == part.p)
        return err_set(e, EXIT_USAGE, "--types: %s is not COLUMN:text, COLUMN:num or COLUMN:bool",
            QUOTED(part));
    *name = (struct slice){part.p, (size_t)(colon - part.p)};
    *types += part.n + ((*types)[part.n] == ',');
    return true;
}

static struct csv_column *find(struct csv_columns *c, struct slice name) {
    for (size_t i = 0; i < c->n; i++)
        if (slice_eq(c->all[i].name, name)) return &c->all[i];
    return NULL;
}

static bool no_column(const struct csv_columns *c, struct slice name, struct err *e) {
    const char **names = mem_zero(c->n, sizeof *names);
    for (size_t i = 0; i < c->n; i++) names[i] = c->all[i].name.p;
    const char *near = err_nearest(name, names, c->n);
    err_set(e, EXIT_BAD_DATA, "--types: no column %s%s%s", QUOTED(name), near ? ", is it " : "",
        near ? near : "");
    free(names);
    return false;
}

static bool set_types(struct csv_columns *c, const char *types, struct err *e) {
    struct slice name;
    enum csv_type type;
    while (csv_types_next(&types, &name, &type, e)) {
        struct csv_column *column = find(c, name);
        if (!column) return no_column(c, name, e);
        column->type = type;
    }
    return !*types;
}

/* ---- names ---- */

static int by_name(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* --header alone would make an event of the header row. */
static const char *advice(const struct csv_columns *c) {
    return c->of_option ? "" : ": cut this row off (tail -n +2) and name them by --header";
}

/* Sorted, as a header of 16 MiB is possible. */
static bool names_differ(const struct csv_columns *c, struct err *e) {
    struct slice *names = mem_grow(NULL, c->n, sizeof *names);
    for (size_t i = 0; i < c->n; i++) names[i] = c->all[i].name;
    qsort(names, c->n, sizeof *names, by_name);
    bool good = true;
    for (size_t i = 1; i < c->n && good; i++)
        if (slice_eq(names[i - 1], names[i]))
            good = err_set(
                e, EXIT_BAD_DATA, "two columns are named %s%s", QUOTED(names[i]), advice(c));
    free(names);
    return good;
}

static bool name_is_usable(const struct csv_columns *c, size_t i, struct err *e) {
    struct slice name = c->all[i].name;
    size_t number = i + 1;
    if (name.n == 0)
        return err_set(e, EXIT_BAD_DATA, "column %zu has no name%s", number, advice(c));
    if (!utf8_valid(name, NULL))
        return err_set(
            e, EXIT_BAD_DATA, "column %zu: its name is not UTF-8: %s", number, QUOTED(name));
    if (slice_is(name, CONTROL_FIELD))
        return err_set(e, EXIT_BAD_DATA,
            "column %zu: the name \"" CONTROL_FIELD "\" is reserved for control lines", number);
    return true;
}

bool csv_columns_ready(struct csv_columns *c, const char *types, struct err *e) {
    for (size_t i = 0; i < c->n; i++)
        if (!name_is_usable(c, i, e)) return false;
    if (!names_differ(c, e) || (types && !set_types(c, types, e))) return false;
    for (size_t i = 0; i < c->n; i++) {
        struct buf prefix = {0};
        buf_addc(&prefix, i ? ',' : '{');
        json_write_string(&prefix, c->all[i].name);
        buf_addc(&prefix, ':');
        c->all[i].prefix = buf_slice(&prefix);
    }
    return true;
}
