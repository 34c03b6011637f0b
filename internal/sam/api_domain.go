package sam

import (
	"strings"
)

type domainResources struct {
	domain   *resource
	mappings []*resource
	records  *resource
	access   *resource
}

// domainResources makes a custom domain for the API; private domains are resources of another kind.
func (a *restAPI) domainResources(rest *resource, private bool) (out domainResources) {
	v := a.get("Domain")
	if v == nil {
		return out
	}
	d := a.own().mustMap(v, "Domain")
	name := a.own().mustBe(d.get("DomainName"), "Domain.DomainName")
	certificate := a.own().mustBe(d.get("CertificateArn"), "Domain.CertificateArn")
	kind, id := "AWS::ApiGateway::DomainName", generatedID("ApiGatewayDomainName", name)
	if private {
		kind, id = "AWS::ApiGateway::DomainNameV2", generatedID("ApiGatewayDomainNameV2", name)
	} else {
		d.Set("ApiDomainName", id)
	}
	r := newResource(id, kind, a.passThrough()).with("DomainName", name)
	endpoint := d.get("EndpointConfiguration")
	if endpoint == nil {
		endpoint = "REGIONAL"
		d.Set("EndpointConfiguration", endpoint)
	} else if !oneOf(endpoint, "EDGE", "REGIONAL", "PRIVATE") {
		a.fail("EndpointConfiguration for Custom Domains must be one of ['EDGE', 'REGIONAL', 'PRIVATE'].")
	}
	if is(endpoint, "REGIONAL") {
		r.set("RegionalCertificateArn", certificate)
	} else {
		r.set("CertificateArn", certificate)
	}
	c := NewMap("Types", []any{endpoint})
	if ip := d.get("IpAddressType"); truthy(ip) {
		c.Set("IpAddressType", ip)
	}
	r.set("EndpointConfiguration", c)
	if !private {
		if tls := d.get("MutualTlsAuthentication"); truthy(tls) {
			m := a.own().mustMap(tls, "Domain.MutualTlsAuthentication")
			if len(unknownKeys(m, "TruststoreUri", "TruststoreVersion")) > 0 {
				a.fail("Available Domain.MutualTlsAuthentication fields are ['TruststoreUri', 'TruststoreVersion'].")
			}
			r.set("MutualTlsAuthentication", mutualTLS(m))
		}
	}
	optional := []string{"SecurityPolicy", "EndpointAccessMode", "Policy", "OwnershipVerificationCertificateArn"}
	for _, k := range optional {
		v := d.get(k)
		if !truthy(v) {
			continue
		}
		if private && k == "OwnershipVerificationCertificateArn" || !private && k == "Policy" {
			failResource(id, "property %s not defined for resource of type %s", k, kind)
		}
		r.set(k, v)
	}
	out.domain = r
	out.mappings = a.basePaths(d, rest, id, private)
	if private {
		if v := d.get("AccessAssociation"); v != nil {
			m := a.own().mustMap(v, "Domain.AccessAssociation")
			vpce := m.get("VpcEndpointId")
			out.access = newResource(generatedID("DomainNameAccessAssociation", []any{vpce, id}), "AWS::ApiGateway::DomainNameAccessAssociation",
				a.passThrough()).with("DomainNameArn", ref(id), "AccessAssociationSourceType", "VPCE", "AccessAssociationSource", vpce)
		}
		out.records = a.t.recordSet(a.macro, d, name, true, a.aliasTarget)
		return out
	}
	out.records = a.t.recordSet(a.macro, d, id, true, a.aliasTarget)
	return out
}

func unknownKeys(m *Map, known ...string) []string {
	var out []string
	for k := range m.All() {
		if !oneOf(k, known...) {
			out = append(out, k)
		}
	}
	return out
}

func mutualTLS(m *Map) *Map {
	out := NewMap()
	for _, k := range [...]string{"TruststoreUri", "TruststoreVersion"} {
		if v := m.get(k); truthy(v) {
			out.Set(k, v)
		}
	}
	return out
}

func (a *restAPI) basePaths(d *Map, rest *resource, domain string, private bool) []*resource {
	kind, key := "AWS::ApiGateway::BasePathMapping", "DomainName"
	if private {
		kind, key = "AWS::ApiGateway::BasePathMappingV2", "DomainNameArn"
	}
	mapping := func(id string) *resource {
		return newResource(id, kind, a.passThrough()).with(key, ref(domain), "RestApiId", ref(rest.id), "Stage", ref(rest.id+".Stage"))
	}
	v := d.get("BasePath")
	if !truthy(v) || !isStr(v) && !isList(v) {
		return []*resource{mapping(a.id + "BasePathMapping")}
	}
	normalize := true
	if n, ok := d.Get("NormalizeBasePath"); ok {
		normalize = truthy(n)
	}
	var made []*resource
	for _, p := range a.own().mustStrings(asList(v), "Domain.BasePath") {
		clean := strings.Map(func(r rune) rune {
			if alnumRune(r) {
				return r
			}
			return -1
		}, text(p))
		m := mapping(a.id + clean + "BasePathMapping")
		if normalize {
			m.set("BasePath", clean)
		} else {
			m.set("BasePath", p)
		}
		made = append(made, m)
	}
	return made
}

// aliasTarget is where a domain's records point.
func (a *restAPI) aliasTarget(d, route53 *Map, name any) *Map {
	m := NewMap()
	if h := route53.get("EvaluateTargetHealth"); h != nil {
		m.Set("EvaluateTargetHealth", h)
	}
	switch text(d.get("EndpointConfiguration")) {
	case "REGIONAL":
		m.Set("HostedZoneId", getAtt(name, "RegionalHostedZoneId"))
		m.Set("DNSName", getAtt(name, "RegionalDomainName"))
	case "EDGE":
		if route53.get("DistributionDomainName") == nil {
			route53.Set("DistributionDomainName", getAtt(name, "DistributionDomainName"))
		}
		m.Set("HostedZoneId", "Z2FDTNDATAQYW2")
		m.Set("DNSName", route53.get("DistributionDomainName"))
	default:
		m.Set("HostedZoneId", route53.get("VpcEndpointHostedZoneId"))
		m.Set("DNSName", route53.get("VpcEndpointDomainName"))
	}
	return m
}

// recordSet adds a domain's records to the group of its hosted zone.
func (t *transform) recordSet(x *macro, d *Map, name any, rest bool, target func(d, route53 *Map, name any) *Map) *resource {
	v := d.get("Route53")
	if v == nil {
		return nil
	}
	r := x.own().mustMap(v, "Domain.Route53")
	zoneID, zoneName := r.get("HostedZoneId"), r.get("HostedZoneName")
	if zoneID == nil && zoneName == nil {
		x.fail("HostedZoneId or HostedZoneName is required to enable Route53 support on Custom Domains.")
	}
	zone := zoneID
	if !truthy(zone) {
		zone = zoneName
	}
	records := func() []any {
		var out []any
		kinds := []string{"A"}
		if r.get("IpV6") == true {
			kinds = append(kinds, "AAAA")
		}
		alias := target(d, r, name)
		for _, k := range kinds {
			m := NewMap("Name", d.get("DomainName"), "Type", k, "AliasTarget", clone(alias))
			for _, p := range [...]string{"Region", "SetIdentifier"} {
				if v := r.get(p); v != nil {
					m.Set(p, v)
				}
			}
			out = append(out, m)
		}
		return out
	}
	if s := r.get("SeparateRecordSetGroup"); rest && truthy(s) {
		x.own().mustBool(s, "Domain.Route53.SeparateRecordSetGroup")
		g := newResource(generatedID("RecordSetGroup", []any{zone, d.get("DomainName")}), "AWS::Route53::RecordSetGroup", x.passThrough())
		if truthy(zoneID) {
			g.set("HostedZoneId", zoneID)
		}
		if truthy(zoneName) {
			g.set("HostedZoneName", zoneName)
		}
		return g.with("RecordSets", records())
	}
	id := generatedID("RecordSetGroup", zone)
	g := t.recordSets[id]
	if g == nil {
		g = newResource(id, "AWS::Route53::RecordSetGroup", x.passThrough())
		if r.Has("HostedZoneId") {
			g.set("HostedZoneId", zoneID)
		}
		if r.Has("HostedZoneName") && (rest || !r.Has("HostedZoneId")) {
			g.set("HostedZoneName", zoneName)
		}
		t.recordSets[id] = g
	}
	have, _ := g.props.get("RecordSets").([]any)
	g.set("RecordSets", joined(have, records()))
	return g
}
