/* The columns of a CSV: their names and types. Private to this room. */
#ifndef EV_WIRE_CSV_COLUMNS_H
#define EV_WIRE_CSV_COLUMNS_H

#include "base/buf.h"
#include "base/err.h"

enum csv_type { CSV_ANY, CSV_TEXT, CSV_NUM, CSV_BOOL };

struct csv_column {
    struct slice name;   /* owned */
    struct slice prefix; /* what stands before its value in the object: {"name": or ,"name": */
    enum csv_type type;
};

/* Zeroed is empty. */
struct csv_columns {
    struct csv_column *all;
    size_t n;
    bool of_option; /* the names are those of --header */
};

void csv_columns_add(struct csv_columns *c, struct slice name);
/* Adds the comma-separated names of --header. */
void csv_columns_split(struct csv_columns *c, const char *header);
/* Are the names usable, and does `types` (or NULL) name columns? Sets types and prefixes.
 * EXIT_BAD_DATA, naming the column. */
bool csv_columns_ready(struct csv_columns *c, const char *types, struct err *e);
void csv_columns_free(struct csv_columns *c);

/* Takes `name:type` from the front of *types; false at its end, or when it is wrong: then *e is
 * EXIT_USAGE and *types not at its end. */
bool csv_types_next(const char **types, struct slice *name, enum csv_type *type, struct err *e);

#endif
