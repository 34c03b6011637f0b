package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// model is a service model as published; documentation is not read.
type model struct {
	pkg           string
	ownValidation bool
	Metadata      struct {
		APIVersion         string          `json:"apiVersion"`
		EndpointPrefix     string          `json:"endpointPrefix"`
		SigningName        string          `json:"signingName"`
		ServiceID          string          `json:"serviceId"`
		Protocol           string          `json:"protocol"`
		Protocols          []string        `json:"protocols"`
		JSONVersion        string          `json:"jsonVersion"`
		TargetPrefix       string          `json:"targetPrefix"`
		XMLNamespace       string          `json:"xmlNamespace"`
		AWSQueryCompatible json.RawMessage `json:"awsQueryCompatible"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input        *ref  `json:"input"`
	Output       *ref  `json:"output"`
	Errors       []ref `json:"errors"`
	HTTPChecksum *struct {
		Algorithm string `json:"requestAlgorithmMember"`
		Required  bool   `json:"requestChecksumRequired"`
	} `json:"httpChecksum"`
	ChecksumRequired bool `json:"httpChecksumRequired"`
}

type xmlns struct {
	URI    string `json:"uri"`
	Prefix string `json:"prefix"`
}

// UnmarshalJSON takes the short form, a string, as well.
func (x *xmlns) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, &x.URI)
	}
	type plain xmlns
	return json.Unmarshal(b, (*plain)(x))
}

type ref struct {
	Shape            string `json:"shape"`
	LocationName     string `json:"locationName"`
	Location         string `json:"location"`
	QueryName        string `json:"queryName"`
	FormName         string `json:"formName"` // ours
	Flattened        bool   `json:"flattened"`
	XMLAttribute     bool   `json:"xmlAttribute"`
	XMLNamespace     *xmlns `json:"xmlNamespace"`
	Streaming        bool   `json:"streaming"`
	JSONValue        bool   `json:"jsonvalue"`
	TimestampFormat  string `json:"timestampFormat"`
	IdempotencyToken bool   `json:"idempotencyToken"`
	HostLabel        bool   `json:"hostLabel"`
	EventHeader      bool   `json:"eventheader"`
	EventPayload     bool   `json:"eventpayload"`
	ResultWrapper    string `json:"resultWrapper"`
}

type shape struct {
	Type            string          `json:"type"`
	Members         ordered         `json:"members"`
	Required        []string        `json:"required"`
	Member          *ref            `json:"member"`
	Key             *ref            `json:"key"`
	Value           *ref            `json:"value"`
	Min             *float64        `json:"min"`
	Max             *float64        `json:"max"`
	Pattern         string          `json:"pattern"`
	Enum            []string        `json:"enum"`
	Flattened       bool            `json:"flattened"`
	Payload         string          `json:"payload"`
	Streaming       bool            `json:"streaming"`
	EventStream     bool            `json:"eventstream"`
	Sensitive       bool            `json:"sensitive"`
	Union           bool            `json:"union"`
	Document        bool            `json:"document"`
	JSONValue       bool            `json:"jsonvalue"`
	TimestampFormat string          `json:"timestampFormat"`
	Exception       bool            `json:"exception"`
	Fault           bool            `json:"fault"`
	LocationName    string          `json:"locationName"`
	XMLNamespace    *xmlns          `json:"xmlNamespace"`
	Error           *errorFacts     `json:"error"`
	Wrapper         json.RawMessage `json:"wrapper"`
	queryCode       string
}

type errorFacts struct {
	Code           string `json:"code"`
	HTTPStatusCode int    `json:"httpStatusCode"`
	SenderFault    bool   `json:"senderFault"`
}

// ordered keeps the members in the model's order.
type ordered struct {
	names []string
	refs  map[string]*ref
}

// UnmarshalJSON reads an object in order.
func (o *ordered) UnmarshalJSON(b []byte) error {
	o.refs = map[string]*ref{}
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		r := &ref{}
		if err := d.Decode(r); err != nil {
			return err
		}
		o.names = append(o.names, t.(string))
		o.refs[t.(string)] = r
	}
	return nil
}

// patchFile corrects a model; every patch names its evidence.
type patchFile struct {
	Evidence      string                     `json:"evidence"`
	Protocols     []string                   `json:"protocols"`
	SigningName   string                     `json:"signingName"`
	XMLNamespace  string                     `json:"xmlNamespace"`
	Wrappers      bool                       `json:"resultWrappers"` // <Op>Result around each answer of the query protocol
	OwnValidation bool                       `json:"ownValidation"`
	Members       map[string]json.RawMessage `json:"members"` // "Shape.Member" → fields of the reference
	Elements      map[string]string          `json:"elements"`
	Keys          map[string][2]string       `json:"keys"` // map shape → key and value names
	Shapes        map[string]json.RawMessage `json:"shapes"`
	Errors        map[string]struct {
		Code   string `json:"code"`
		Query  string `json:"query"`
		Status int    `json:"status"`
	} `json:"errors"`
}

func (d *model) patch(name string) error {
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var p patchFile
	if err := dec.Decode(&p); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if p.Evidence == "" {
		return fmt.Errorf("%s names no evidence", name)
	}
	if p.Protocols != nil {
		d.Metadata.Protocols = p.Protocols
	}
	if p.SigningName != "" {
		d.Metadata.SigningName = p.SigningName
	}
	if p.XMLNamespace != "" {
		d.Metadata.XMLNamespace = p.XMLNamespace
	}
	d.ownValidation = p.OwnValidation
	if p.Wrappers {
		for _, op := range d.Operations {
			if op.Output != nil {
				op.Output.ResultWrapper = op.Name + "Result"
			}
		}
	}
	for k, raw := range p.Members {
		sn, mn, _ := strings.Cut(k, ".")
		s := d.Shapes[sn]
		if s == nil || s.Members.refs[mn] == nil {
			return fmt.Errorf("%s: no member %s", name, k)
		}
		if err := json.Unmarshal(raw, s.Members.refs[mn]); err != nil {
			return fmt.Errorf("%s: %s: %w", name, k, err)
		}
	}
	for k, raw := range p.Shapes {
		s := d.Shapes[k]
		if s == nil {
			return fmt.Errorf("%s: no shape %s", name, k)
		}
		if err := json.Unmarshal(raw, s); err != nil {
			return fmt.Errorf("%s: %s: %w", name, k, err)
		}
	}
	for k, v := range p.Elements {
		s := d.Shapes[k]
		if s == nil || s.Member == nil {
			return fmt.Errorf("%s: no list %s", name, k)
		}
		s.Member.LocationName = v
	}
	for k, v := range p.Keys {
		s := d.Shapes[k]
		if s == nil || s.Key == nil {
			return fmt.Errorf("%s: no map %s", name, k)
		}
		s.Key.LocationName, s.Value.LocationName = v[0], v[1]
	}
	for k, v := range p.Errors {
		s := d.Shapes[k]
		if s == nil || !s.Exception {
			return fmt.Errorf("%s: no error %s", name, k)
		}
		if s.Error == nil {
			s.Error = &errorFacts{HTTPStatusCode: 400, SenderFault: true}
		}
		if v.Code != "" {
			s.Error.Code = v.Code
		}
		if v.Status != 0 {
			s.Error.HTTPStatusCode = v.Status
		}
		s.queryCode = v.Query
	}
	return nil
}
