/* Encoders: from events to the bytes of a file. One format, one file. */
#ifndef EV_WIRE_ENCODER_H
#define EV_WIRE_ENCODER_H

#include "base/buf.h"
#include "wire/event.h"

enum out_format { OUT_NDJSON, OUT_CSV, OUT_TSV, OUT_TABLE };

struct encoder {
    /* Appends what can be written now. EXIT_BAD_DATA, e.g. a CSV row with a field that the
     * header lacks. */
    bool (*put)(struct encoder *c, struct slice object, struct buf *out, struct err *e);
    /* Appends what was held back (a table is aligned at its end). */
    bool (*finish)(struct encoder *c, struct buf *out, struct err *e);
    /* What fixes the rest of the output: an object, empty where nothing does; valid until the next call. NULL: nothing ever does. */
    struct slice (*fixed_by)(const struct encoder *c);
    /* Goes on behind an output that was fixed by this. EXIT_BAD_DATA. */
    bool (*resume)(struct encoder *c, struct slice fixed_by, struct err *e);
    void (*free)(struct encoder *c);
};

/* OUT_NDJSON: the text and a newline. OUT_CSV: RFC 4180 with CRLF line ends as it says, a
 * header from the first row's top-level keys; OUT_TSV: the same with tabs and LF; OUT_TABLE: columns aligned for reading, numbers to the right, held until the end
 * (the first 1,000 rows set the widths of what follows, so that memory is bounded). Objects and
 * arrays are written as their JSON text, null as nothing. */
struct encoder *encoder_new(enum out_format format);
bool out_format_parse(struct slice name, enum out_format *out, struct err *e);
/* By the suffix, .gz before it ignored: .csv .tsv, else OUT_NDJSON. */
enum out_format out_format_of_name(struct slice name);

#endif
