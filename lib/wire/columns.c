#include <stdlib.h>

#include "json/value.h"
#include "wire/encoders.h"

static size_t add_column(struct columns *c, struct slice name) {
    c->names = mem_grow(c->names, c->n + 1, sizeof *c->names);
    c->cells = mem_grow(c->cells, c->n + 1, sizeof *c->cells);
    c->names[c->n] = (struct slice){mem_str(name), name.n};
    c->cells[c->n] = (struct json_field){0};
    return c->n++;
}

/* Rows mostly have their fields in the order of the columns: `likely` is tried first. Or n. */
static size_t column_of(const struct columns *c, struct slice name, size_t likely) {
    if (likely < c->n && slice_eq(c->names[likely], name)) return likely;
    size_t i = 0;
    while (i < c->n && !slice_eq(c->names[i], name)) i++;
    return i;
}

bool columns_find(struct columns *c, struct slice object, bool grow, struct err *e) {
    const char *brace = memchr(object.p, '{', object.n);
    struct json_field of = {
        .p = brace, .n = (uint32_t)(object.p + object.n - brace), .kind = JSON_OBJECT};
    while (of.p[of.n - 1] != '}') of.n--;
    if (c->n) memset(c->cells, 0, c->n * sizeof *c->cells);
    struct json_field key, value;
    struct json_walk at = {0};
    for (size_t likely = 0; json_next(&of, &at, &key, &value); likely++) {
        struct slice name;
        if (!json_text(&key, &c->scratch, &name))
            return err_set(e, EXIT_BAD_DATA, "a field name with a lone surrogate: %s",
                QUOTED(json_slice(&key)));
        size_t i = column_of(c, name, likely);
        if (i == c->n && !grow)
            return err_set(e, EXIT_BAD_DATA,
                "field %s has no column: those of the first row%s are written", QUOTED(name),
                c->of_rows ? "s" : "");
        if (i == c->n) add_column(c, name);
        c->cells[i] = value;
    }
    return true;
}

bool columns_text(struct columns *c, size_t column, struct slice *text, struct err *e) {
    const struct json_field *f = &c->cells[column];
    *text = (struct slice){"", 0};
    if (f->kind == JSON_MISSING || f->kind == JSON_NULL) return true;
    *text = json_slice(f);
    if (f->kind != JSON_STRING || json_text(f, &c->scratch, text)) return true;
    return err_set(e, EXIT_BAD_DATA, "%s: a lone surrogate is no text: %s",
        QUOTED(c->names[column]), QUOTED(json_slice(f)));
}

void columns_free(struct columns *c) {
    for (size_t i = 0; i < c->n; i++) free((char *)c->names[i].p);
    free(c->names);
    free(c->cells);
    buf_free(&c->scratch);
}
