package apigatewayv2

import (
	"context"

	v2api "virga/api/apigatewayv2"
	"virga/internal/wire"
)

// ImportApi implements the operation.
func (s *Service) ImportApi(ctx context.Context, in *v2api.ImportApiInput) (*v2api.ImportApiOutput, error) {
	return nil, wire.Unsupported("ImportApi")
}

// ReimportApi implements the operation.
func (s *Service) ReimportApi(ctx context.Context, in *v2api.ReimportApiInput) (*v2api.ReimportApiOutput, error) {
	return nil, wire.Unsupported("ReimportApi")
}

// ExportApi implements the operation.
func (s *Service) ExportApi(ctx context.Context, in *v2api.ExportApiInput) (*v2api.ExportApiOutput, error) {
	return nil, wire.Unsupported("ExportApi")
}
