package jsonata

// Object is a JSON object that keeps the order of its keys.
type Object struct {
	entries []entry
	index   map[string]int // for more than indexFrom entries
	made    bool
}

type entry struct {
	key string
	val Value
}

// indexFrom is the size from which a lookup by map beats a scan.
const indexFrom = 12

// NewObject is an empty object with room for n keys.
func NewObject(n int) *Object { return &Object{entries: make([]entry, 0, n)} }

// Len is the number of keys.
func (o *Object) Len() int { return len(o.entries) }

// At is the key and value at a position.
func (o *Object) At(i int) (string, Value) { return o.entries[i].key, o.entries[i].val }

func (o *Object) find(key string) int {
	if o.index != nil {
		if i, ok := o.index[key]; ok {
			return i
		}
		return -1
	}
	for i := range o.entries {
		if o.entries[i].key == key {
			return i
		}
	}
	return -1
}

// Get is the value of a key, nothing where there is none.
func (o *Object) Get(key string) Value {
	if i := o.find(key); i >= 0 {
		return o.entries[i].val
	}
	return Value{}
}

// Set binds a key: in its place if it is there, else at the end.
func (o *Object) Set(key string, v Value) {
	if i := o.find(key); i >= 0 {
		o.entries[i].val = v
		return
	}
	o.entries = append(o.entries, entry{key, v})
	if o.index != nil {
		o.index[key] = len(o.entries) - 1
	} else if len(o.entries) > indexFrom {
		o.index = make(map[string]int, 2*len(o.entries))
		for i := range o.entries {
			o.index[o.entries[i].key] = i
		}
	}
}

func (o *Object) delete(key string) {
	i := o.find(key)
	if i < 0 {
		return
	}
	o.entries = append(o.entries[:i], o.entries[i+1:]...)
	if o.index != nil {
		delete(o.index, key)
		for k, j := range o.index {
			if j > i {
				o.index[k] = j - 1
			}
		}
	}
}

func (o *Object) clone(room int) *Object {
	c := NewObject(len(o.entries) + room)
	c.entries = append(c.entries, o.entries...)
	if o.index != nil {
		c.index = make(map[string]int, len(o.index)+room)
		for k, i := range o.index {
			c.index[k] = i
		}
	}
	return c
}
