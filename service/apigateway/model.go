package apigateway

import (
	"context"
	"encoding/json"
	"regexp"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

var modelName = regexp.MustCompile(`^[A-Za-z0-9]+$`)

// standardModels are those a new API has.
func standardModels(s *Service) []model {
	return []model{
		{Id: s.random(6), Name: "Empty", ContentType: "application/json", Description: "This is a default empty schema model", Schema: "{\n  \"$schema\": \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Empty Schema\",\n  \"type\" : \"object\"\n}"},
		{Id: s.random(6), Name: "Error", ContentType: "application/json", Description: "This is a default error schema model", Schema: "{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"Error Schema\",\n  \"type\" : \"object\",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }\n}"},
	}
}

func checkModel(m *model) error {
	if m.Name == "" {
		return bad("Model name must be non-empty")
	}
	if !modelName.MatchString(m.Name) {
		return bad("Model name must be alphanumeric: %s", m.Name)
	}
	if m.Schema != "" {
		var v map[string]any
		if err := json.Unmarshal([]byte(m.Schema), &v); err != nil {
			return bad("Invalid model schema specified")
		}
	}
	return nil
}

// CreateModel implements the operation.
func (s *Service) CreateModel(ctx context.Context, in *restapi.CreateModelInput) (*restapi.CreateModelOutput, error) {
	m := members.New[model](in)
	m.Id = s.newID(ctx, 6, "model")
	if err := checkModel(m); err != nil {
		return nil, err
	}
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, a *restAPI) error {
		list := all[model](tx, sc, kindModel)
		if len(list) >= modelsMax {
			return tooMany("models", modelsMax)
		}
		k := sc.parts(kindModel).Str(m.Name)
		if was, ok := store.Load[model](tx, k); ok && was.Id != m.Id {
			return conflict("Model name already exists for this REST API")
		}
		if _, err := compileSchema(m, list, sc.api); err != nil {
			return bad("Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified. %v]", err)
		}
		store.Put(tx, k, m)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[restapi.ModelShape](m), nil
}

// GetModel implements the operation.
func (s *Service) GetModel(ctx context.Context, in *restapi.GetModelInput) (*restapi.GetModelOutput, error) {
	if wire.V(in.Flatten) {
		return nil, wire.Unsupported("GetModel: Flatten")
	}
	var out *restapi.ModelShape
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		m, ok := store.Load[model](r, sc.parts(kindModel).Str(in.ModelName))
		if !ok {
			return missing("Invalid model name specified: %s", in.ModelName)
		}
		out = members.New[restapi.ModelShape](m)
		return nil
	})
	return out, err
}

// GetModels implements the operation.
func (s *Service) GetModels(ctx context.Context, in *restapi.GetModelsInput) (*restapi.GetModelsOutput, error) {
	var list []model
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		list = all[model](r, sc, kindModel)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.RestApiId, list, func(m *model) string { return m.Name }, in.Limit, in.Position)
	out := &restapi.GetModelsOutput{Items: []restapi.ModelShape{}, Position: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[restapi.ModelShape](&list[i]))
	}
	return out, err
}

// DeleteModel implements the operation.
func (s *Service) DeleteModel(ctx context.Context, in *restapi.DeleteModelInput) (*restapi.DeleteModelOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		k := sc.parts(kindModel).Str(in.ModelName)
		if _, ok := tx.Get(k); !ok {
			return missing("Invalid model name specified: %s", in.ModelName)
		}
		for _, r := range all[apiResource](tx, sc, kindResource) {
			for verb, m := range r.Methods {
				for _, name := range m.RequestModels {
					if name == in.ModelName {
						return conflict("Cannot delete model '%s', is referenced in method request: %s/%s", in.ModelName, r.Path, verb)
					}
				}
			}
		}
		tx.Delete(k)
		return nil
	})
	return &restapi.DeleteModelOutput{}, err
}

// UpdateModel implements the operation.
func (s *Service) UpdateModel(ctx context.Context, in *restapi.UpdateModelInput) (*restapi.UpdateModelOutput, error) {
	var out *restapi.ModelShape
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		k := sc.parts(kindModel).Str(in.ModelName)
		m, ok := store.Load[model](tx, k)
		if !ok {
			return missing("Invalid model name specified: %s", in.ModelName)
		}
		for _, p := range in.PatchOperations {
			op, path := wire.V(p.Op), wire.V(p.Path)
			switch {
			case op != "replace":
				return bad("Invalid patch path  '%s' specified for op '%s'. Please choose supported operations", path, op)
			case path == "/schema":
				m.Schema = wire.V(p.Value)
			case path == "/description":
				m.Description = wire.V(p.Value)
			default:
				return bad("Invalid patch path  '%s' specified for op 'replace'. Must be one of: [/description, /schema]", path)
			}
		}
		if err := checkModel(m); err != nil {
			return err
		}
		if _, err := compileSchema(m, all[model](tx, sc, kindModel), sc.api); err != nil {
			return bad("Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified. %v]", err)
		}
		store.Put(tx, k, m)
		out = members.New[restapi.ModelShape](m)
		return nil
	})
	return out, err
}
