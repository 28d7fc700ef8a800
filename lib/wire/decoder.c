#include "wire/csv_columns.h"
#include "wire/reader.h"

bool decode_options_check(const struct decode_options *o, struct err *e) {
    if (o->max_line > MAX_LINE_MOST) return err_set(e, EXIT_USAGE, "--max-line: at most 2G");
    struct slice name;
    enum csv_type type;
    const char *types = o->types ? o->types : "";
    while (csv_types_next(&types, &name, &type, e)) continue;
    if (*types) return false;
    if (!o->header) return true;
    struct csv_columns columns = {0};
    csv_columns_split(&columns, o->header);
    bool good = csv_columns_ready(&columns, o->types, e);
    csv_columns_free(&columns);
    if (good) return true;
    e->code = EXIT_USAGE;
    return err_at(e, "--header");
}

struct decoder *decoder_open(enum format format, struct bytes *in, struct json_scanner *scanner,
    const struct decode_options *options, struct err *e) {
    switch (format) {
    case FORMAT_CSV: return csv_open(in, scanner, options, ',', e);
    case FORMAT_TSV: return csv_open(in, scanner, options, '\t', e);
    case FORMAT_DOCUMENTS: return documents_open(in, scanner, options);
    default:
        return in->frames ? frames_open(in, scanner, options) : lines_open(in, scanner, options);
    }
}

enum format format_of_name(struct slice name) {
    if (slice_ends(name, ".gz")) name.n -= 3;
    else if (slice_ends(name, ".zst")) name.n -= 4;
    return slice_ends(name, ".csv")   ? FORMAT_CSV
           : slice_ends(name, ".tsv") ? FORMAT_TSV
                                      : FORMAT_LINES;
}
