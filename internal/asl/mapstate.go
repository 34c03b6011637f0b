package asl

import (
	"virga/internal/jsonpath"
)

// iteration is what a Map state adds to a state.
type iteration struct {
	distributed bool
	express     bool // the children's type
	label       string
	itemsPath   *pathField
	items       *query // Items
	selector    *template
	concurrency *quantity
	count       *quantity // ToleratedFailureCount
	percentage  *quantity
	reader      *itemReader
	batcher     *itemBatcher
	writer      *resultWriter
}

type itemReader struct {
	resource  *resource
	arguments *template
	config    ReaderConfig
	itemsMax  *quantity
}

type itemBatcher struct {
	items, bytes *quantity
	input        *template
}

type resultWriter struct {
	resource  *resource
	arguments *template
	transform string
	output    string
}

const labelTooLong = "Label cannot exceed 40 characters"

func (c *checker) mapState(st *state, f *fields) []string {
	e := &iteration{}
	st.each = e
	allowed := c.results(st, f, true)
	c.errors(st, f)
	allowed = append(allowed, "ItemProcessor", "Iterator", "Retry", "Catch", "MaxConcurrency", "ItemSelector", "ItemReader", "ItemBatcher",
		"ResultWriter", "Label", "ToleratedFailureCount", "ToleratedFailurePercentage")
	c.processor(st, e, f)
	if st.ata {
		allowed = append(allowed, "Items")
		if v, ok := f.o.Get("Items"); ok {
			if _, is := v.(string); !is {
				if _, list := v.([]any); !list {
					f.wrong("Items", "Array")
				}
			}
			e.items = c.query(v, "Items", f.at+"/Items")
		}
		e.selector = f.query("ItemSelector")
	} else {
		allowed = append(allowed, "ItemsPath", "Parameters", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath")
		if f.has("ItemsPath") {
			if p := f.reading("ItemsPath"); p != nil {
				e.itemsPath = &pathField{path: p, text: p.String()}
			}
		}
		switch f.one(false, "ItemSelector", "Parameters") {
		case "ItemSelector":
			e.selector = f.payload("ItemSelector")
		case "Parameters":
			e.selector = f.payload("Parameters")
		}
		for _, n := range []string{"MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage"} {
			f.one(false, n, n+"Path")
		}
	}
	e.concurrency = f.quantity("MaxConcurrency", st.ata, 0)
	e.count = f.quantity("ToleratedFailureCount", st.ata, 0)
	e.percentage = f.percent(st.ata)
	if s, ok := f.str("Label"); ok {
		e.label = s
		if len([]rune(s)) > LabelMax {
			c.bad(f.at+"/Label", labelTooLong)
		}
		if at, again := c.labels[s]; again {
			c.add(SeverityError, codeLabel, f.at+"/Label", "Duplicate Label: %s, also at %s", s, at)
		}
		c.labels[s] = f.at
	}
	c.distribution(st, e, f)
	if !e.distributed {
		for _, n := range []string{"ItemReader", "ItemBatcher", "ResultWriter"} {
			if f.has(n) {
				c.bad(f.at+"/"+n, "Field is not supported for a Map state with ProcessorConfig Mode INLINE")
			}
		}
		for _, q := range []*quantity{e.count, e.percentage} {
			if q != nil && (!q.fixed() || q.value != 0) {
				c.bad(f.at+"/"+q.name, "Field is not supported for a Map state with ProcessorConfig Mode INLINE")
			}
		}
		e.count, e.percentage = nil, nil
	}
	return allowed
}

func (f *fields) percent(ata bool) *quantity {
	const name = "ToleratedFailurePercentage"
	if v, ok := f.o.Get(name); ok {
		if _, number := v.(jsonpath.Number); number {
			if x, ok := f.float(name, 0, 100); ok {
				return &quantity{name: name, value: x}
			}
			return nil
		}
	}
	return f.quantity(name, ata, 0)
}

// processor reads ItemProcessor, or Iterator as it was called before.
func (c *checker) processor(st *state, e *iteration, f *fields) {
	name := f.one(true, "ItemProcessor", "Iterator")
	o, ok := f.object(name)
	if name == "" || !ok {
		return
	}
	p := c.fields(o, f.at+"/"+name)
	p.allow("StartAt", "States", "Comment", "ProcessorConfig")
	if config, ok := p.object("ProcessorConfig"); ok {
		x := c.fields(config, p.at+"/ProcessorConfig")
		x.allow("Mode", "ExecutionType")
		mode, _ := x.str("Mode")
		switch mode {
		case "DISTRIBUTED":
			e.distributed = true
			x.require("ExecutionType")
			switch t, _ := x.str("ExecutionType"); t {
			case "EXPRESS":
				e.express = true
			case "STANDARD", "":
			default:
				c.bad(x.at+"/ExecutionType", "The field 'ExecutionType' should have one of these values: [STANDARD, EXPRESS]")
			}
			if c.o.Type == Express {
				c.bad(x.at+"/Mode", "Express state machine does not support Map state with ProcessorConfig Mode DISTRIBUTED")
			}
		case "INLINE", "":
		default:
			c.bad(x.at+"/Mode", "The field 'Mode' should have one of these values: [INLINE, DISTRIBUTED]")
		}
	}
	outer := c.o.Type
	if e.express {
		c.o.Type = Express
	}
	if s := c.inner(p); s != nil {
		st.branches = []*scope{s}
	}
	c.o.Type = outer
}

// distribution reads what only a distributed Map has.
func (c *checker) distribution(st *state, e *iteration, f *fields) {
	arguments := func(x *fields) *template {
		if st.ata {
			return x.query("Arguments")
		}
		return x.payload("Parameters")
	}
	if o, ok := f.object("ItemReader"); ok {
		x := c.fields(o, f.at+"/ItemReader")
		x.allow("Resource", "Parameters", "Arguments", "ReaderConfig", "Comment")
		x.require("Resource")
		r := &itemReader{resource: c.resource(x), arguments: arguments(x)}
		if o, ok := x.object("ReaderConfig"); ok {
			y := c.fields(o, x.at+"/ReaderConfig")
			r.config = y.readerConfig()
			if !st.ata {
				y.one(false, "MaxItems", "MaxItemsPath")
			}
			r.itemsMax = y.quantity("MaxItems", st.ata, 1)
		}
		e.reader = r
	}
	if o, ok := f.object("ItemBatcher"); ok {
		x := c.fields(o, f.at+"/ItemBatcher")
		x.allow("BatchInput", "MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath", "Comment")
		b := &itemBatcher{items: x.quantity("MaxItemsPerBatch", st.ata, 1), bytes: x.quantity("MaxInputBytesPerBatch", st.ata, 1)}
		x.one(false, "MaxItemsPerBatch", "MaxItemsPerBatchPath")
		x.one(false, "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath")
		if b.items == nil && b.bytes == nil {
			c.bad(x.at, "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]")
		}
		if st.ata {
			b.input = x.query("BatchInput")
		} else {
			b.input = x.payload("BatchInput")
		}
		e.batcher = b
	}
	if o, ok := f.object("ResultWriter"); ok {
		x := c.fields(o, f.at+"/ResultWriter")
		x.allow("Resource", "Parameters", "Arguments", "WriterConfig", "Comment")
		w := &resultWriter{arguments: arguments(x)}
		if x.has("Resource") {
			w.resource = c.resource(x)
		}
		if o, ok := x.object("WriterConfig"); ok {
			y := c.fields(o, x.at+"/WriterConfig")
			y.allow("Transformation", "OutputType")
			w.transform, w.output = y.among("Transformation", "NONE", "COMPACT", "FLATTEN"), y.among("OutputType", "JSON", "JSONL")
		}
		e.writer = w
	}
}

// among reads a text that is one of the values.
func (f *fields) among(name string, values ...string) string {
	s, ok := f.str(name)
	if !ok {
		return ""
	}
	list := ""
	for i, v := range values {
		if v == s {
			return s
		}
		if i > 0 {
			list += ", "
		}
		list += v
	}
	f.c.bad(f.at+"/"+name, "The field '%s' should have one of these values: [%s]", name, list)
	return ""
}

func (f *fields) readerConfig() ReaderConfig {
	f.allow("InputType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter", "MaxItems", "MaxItemsPath", "ItemsPointer", "ManifestType", "Transformation")
	r := ReaderConfig{
		InputType:         f.among("InputType", "CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"),
		CSVHeaderLocation: f.among("CSVHeaderLocation", "FIRST_ROW", "GIVEN"),
		CSVDelimiter:      f.among("CSVDelimiter", "COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"),
		ManifestType:      f.among("ManifestType", "ATHENA_DATA", "S3_INVENTORY"),
		Transformation:    f.among("Transformation", "NONE", "LOAD_AND_FLATTEN"),
	}
	r.ItemsPointer, _ = f.str("ItemsPointer")
	list, _ := f.list("CSVHeaders")
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			f.c.bad(f.element("CSVHeaders", i), "Expected value of type String")
		}
		r.CSVHeaders = append(r.CSVHeaders, s)
	}
	if r.InputType == "CSV" {
		f.require("CSVHeaderLocation")
		if r.CSVHeaderLocation == "GIVEN" {
			f.require("CSVHeaders")
		}
	}
	return r
}

// ReaderConfig is how a distributed Map reads its items (ItemReader.ReaderConfig).
type ReaderConfig struct {
	InputType         string
	CSVHeaderLocation string   `json:",omitempty"`
	CSVHeaders        []string `json:",omitempty"`
	CSVDelimiter      string   `json:",omitempty"`
	ItemsPointer      string   `json:",omitempty"`
	ManifestType      string   `json:",omitempty"`
	Transformation    string   `json:",omitempty"`
}
