package apigateway

import (
	"context"

	restapi "virga/api/apigateway"
	"virga/internal/members"
	"virga/internal/store"
	"virga/internal/wire"
)

const validatorsMax = 100

// CreateRequestValidator implements the operation.
func (s *Service) CreateRequestValidator(ctx context.Context, in *restapi.CreateRequestValidatorInput) (*restapi.CreateRequestValidatorOutput, error) {
	v := members.New[validator](in)
	v.Id = s.newID(ctx, 6, "validator")
	if in.Name != nil && *in.Name == "" {
		return nil, bad("Request Validator name cannot be blank")
	}
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		if len(all[validator](tx, sc, kindValidator)) >= validatorsMax {
			return tooMany("request validators", validatorsMax)
		}
		store.Put(tx, sc.parts(kindValidator).Str(v.Id), v)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return members.New[restapi.RequestValidator](v), nil
}

// GetRequestValidator implements the operation.
func (s *Service) GetRequestValidator(ctx context.Context, in *restapi.GetRequestValidatorInput) (*restapi.GetRequestValidatorOutput, error) {
	var out *restapi.RequestValidator
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		v, _, err := part[validator](r, sc, kindValidator, "Request Validator", in.RequestValidatorId)
		if err == nil {
			out = members.New[restapi.RequestValidator](v)
		}
		return err
	})
	return out, err
}

// GetRequestValidators implements the operation.
func (s *Service) GetRequestValidators(ctx context.Context, in *restapi.GetRequestValidatorsInput) (*restapi.GetRequestValidatorsOutput, error) {
	var list []validator
	err := s.view(ctx, in.RestApiId, func(r store.Reader, sc scope, _ *restAPI) error {
		list = all[validator](r, sc, kindValidator)
		return nil
	})
	if err != nil {
		return nil, err
	}
	list, next, err := page(s, wire.CallOf(ctx), in.RestApiId, list, func(v *validator) string { return v.Id }, in.Limit, in.Position)
	out := &restapi.GetRequestValidatorsOutput{Items: []restapi.RequestValidator{}, Position: next}
	for i := range list {
		out.Items = append(out.Items, *members.New[restapi.RequestValidator](&list[i]))
	}
	return out, err
}

// UpdateRequestValidator implements the operation.
func (s *Service) UpdateRequestValidator(ctx context.Context, in *restapi.UpdateRequestValidatorInput) (*restapi.UpdateRequestValidatorOutput, error) {
	var out *restapi.RequestValidator
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		v, k, err := part[validator](tx, sc, kindValidator, "Request Validator", in.RequestValidatorId)
		if err != nil {
			return err
		}
		for _, p := range in.PatchOperations {
			op, path, value := wire.V(p.Op), wire.V(p.Path), wire.V(p.Value)
			if op != "replace" {
				return bad("Invalid patch path  '%s' specified for op '%s'. Please choose supported operations", path, op)
			}
			switch path {
			case "/name":
				if value == "" {
					return bad("Request Validator name cannot be blank")
				}
				v.Name = value
			case "/validateRequestBody":
				v.ValidateRequestBody = value == "true"
			case "/validateRequestParameters":
				v.ValidateRequestParameters = value == "true"
			default:
				return bad("Invalid patch path  '%s' specified for op 'replace'. Must be one of: [/name, /validateRequestParameters, /validateRequestBody]", path)
			}
		}
		store.Put(tx, k, v)
		out = members.New[restapi.RequestValidator](v)
		return nil
	})
	return out, err
}

// DeleteRequestValidator implements the operation.
func (s *Service) DeleteRequestValidator(ctx context.Context, in *restapi.DeleteRequestValidatorInput) (*restapi.DeleteRequestValidatorOutput, error) {
	err := s.change(ctx, in.RestApiId, func(tx store.Tx, sc scope, _ *restAPI) error {
		_, k, err := part[validator](tx, sc, kindValidator, "Request Validator", in.RequestValidatorId)
		if err != nil {
			return err
		}
		for _, r := range all[apiResource](tx, sc, kindResource) {
			for verb, m := range r.Methods {
				if m.RequestValidatorId == in.RequestValidatorId {
					return conflict("Cannot delete request validator '%s', is referenced in method: %s/%s", in.RequestValidatorId, r.Path, verb)
				}
			}
		}
		tx.Delete(k)
		return nil
	})
	return &restapi.DeleteRequestValidatorOutput{}, err
}
