/* What the encoders of tables share. Private to this room. */
#ifndef EV_WIRE_ENCODERS_H
#define EV_WIRE_ENCODERS_H

#include "wire/encoder.h"

/* The columns by name, and where their values lie in the row at hand. Zeroed is empty. */
struct columns {
    struct slice *names;      /* owned, unescaped */
    struct json_field *cells; /* JSON_MISSING where the row has none */
    size_t n;
    bool of_rows; /* for messages: several rows brought them */
    struct buf scratch;
};

/* Finds the cells of a row; of duplicate keys the last counts. A field without a column gets
 * one where `grow`, else it is EXIT_BAD_DATA. */
bool columns_find(struct columns *c, struct slice object, bool grow, struct err *e);
/* The text of a cell: strings unescaped, null empty, anything else as it is written. Valid
 * until the next call. */
bool columns_text(struct columns *c, size_t column, struct slice *text, struct err *e);
void columns_free(struct columns *c);

struct encoder *csv_encoder(char delimiter);
struct encoder *table_encoder(void);

#endif
