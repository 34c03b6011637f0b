package lint

// Done are the rules that are checked, by cfn-lint's ids.
func Done() map[string]string {
	return map[string]string{
		"E0000": "the text is YAML or JSON",
		"E1001": "the template's sections and their form",
		"E1010": "Fn::GetAtt names a resource and an attribute of it",
		"E1019": "Fn::Sub names what exists",
		"E1020": "Ref names a parameter or resource",
		"E1028": "Fn::If names a condition",
		"E3002": "properties that a type does not have",
		"E3003": "properties that are required",
		"E3004": "resources that need each other",
		"E3005": "DependsOn names resources",
		"E3006": "resource types that exist",
		"E3010": "the number of resources",
		"E3012": "types of values",
		"E3014": "exactly one of some properties",
		"E3015": "the condition of a resource exists",
		"E3017": "anyOf",
		"E3018": "oneOf",
		"E3020": "properties that exclude each other",
		"E3021": "properties that need each other",
		"E3030": "allowed values",
		"E3031": "patterns",
		"E3032": "numbers of elements",
		"E3033": "lengths of strings",
		"E3034": "numbers in range",
		"E3037": "lists without doubles",
		"E3040": "properties that AWS sets",
		"E3058": "one of some properties",
		"E6101": "outputs refer to what exists",
	}
}

// NotDone are families of cfn-lint's rules that are not checked here.
func NotDone() []string {
	return []string{
		"E1011 to E1018, E1021, E1022, E1024: the form of each function (Parse refuses them one at a time, as E1001)",
		"E1040, E1041, E1101, E1150 to E1160: formats of AWS's identifiers",
		"E2xxx: parameters beyond their form; E2531, E2533: dates of Lambda runtimes",
		"E3007, E3008, E3013, E3016, E3019, E3022 to E3029, E3035, E3036, E3038, E3039, E3041 to E3057, E3059 to E3066 and E35xx to E37xx: rules about single services and attributes",
		"E4xxx: metadata; E5xxx: modules; E7xxx: mappings; E8xxx: conditions (Parse refuses the form, as E1001)",
		"W and I: advice",
	}
}
