"""Where MiniStack differs from AWS: all that is changed in the template, as SAM has
transformed it, before MiniStack deploys it. Each difference is a function that says
why it is there."""


def apply(template, port):
    resources = template["Resources"]
    secrets = {name for name, of in resources.items() if of["Type"] == "AWS::SecretsManager::Secret"}
    template = replaced(template, lambda node: secret_by_arn(node, secrets))
    template = replaced(template, lambda node: own_address(node, port))
    resources = template["Resources"]
    for name, of in list(resources.items()):
        if of["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in of["Properties"]:
            written_out(name, resources)
        if of["Type"] == "AWS::ApiGatewayV2::Authorizer":
            no_identity_source(of)
    plain_issuer(template)
    return template


def secret_by_arn(node, secrets):
    """The Ref of a secret is its name, not its ARN, which policies need."""
    if isinstance(node, dict) and node.get("Ref") in secrets:
        return {"Fn::GetAtt": [node["Ref"], "Id"]}
    return node


def own_address(node, port):
    """APIs are at a path of MiniStack's own address, without TLS."""
    if not isinstance(node, str):
        return node
    for scheme, plain in (("https", "http"), ("wss", "ws")):
        for api, path in (("WebSocketApi", ""), ("HttpApi", "/$default")):
            node = node.replace(
                scheme + "://${" + api + "}.execute-api.${AWS::Region}.${AWS::URLSuffix}",
                plain + f"://localhost:{port}/_aws/execute-api/${{{api}}}" + path,
            )
    return node


def written_out(name, resources):
    """An API's Body, an OpenAPI document, is not imported: its routes, integrations
    and authorizers are made resources of their own."""
    properties = resources[name]["Properties"]
    body = properties.pop("Body")
    properties.pop("FailOnWarnings", None)
    properties.update(Name=name, ProtocolType="HTTP")
    if cors := body.get("x-amazon-apigateway-cors"):
        properties["CorsConfiguration"] = {key[0].upper() + key[1:]: value for key, value in cors.items()}
    authorizers = {}
    for scheme, of in body.get("components", {}).get("securitySchemes", {}).items():
        of = of["x-amazon-apigateway-authorizer"]
        authorizers[scheme] = name + "Authorizer" + scheme
        resources[authorizers[scheme]] = {"Type": "AWS::ApiGatewayV2::Authorizer", "Properties": {
            "ApiId": {"Ref": name}, "AuthorizerType": "JWT", "Name": scheme,
            "IdentitySource": [of["identitySource"]],
            "JwtConfiguration": {"Issuer": of["jwtConfiguration"]["issuer"], "Audience": of["jwtConfiguration"]["audience"]},
        }}
    number = 0
    for path, methods in body["paths"].items():
        for method, of in methods.items():
            if "x-amazon-apigateway-integration" not in of:
                continue
            number += 1
            integration = f"{name}Integration{number}"
            resources[integration] = {"Type": "AWS::ApiGatewayV2::Integration", "Properties": {
                "ApiId": {"Ref": name}, "IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0",
                "IntegrationUri": of["x-amazon-apigateway-integration"]["uri"],
            }}
            verb = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            route = {"ApiId": {"Ref": name}, "RouteKey": path if path == "$default" else f"{verb} {path}",
                     "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]}}
            for scheme in (one for wanted in of.get("security", []) for one in wanted if one in authorizers):
                route.update(AuthorizationType="JWT", AuthorizerId={"Ref": authorizers[scheme]})
            resources[f"{name}Route{number}"] = {"Type": "AWS::ApiGatewayV2::Route", "Properties": route}


def no_identity_source(authorizer):
    """An authorizer without an identity source is given the header Authorization."""
    authorizer["Properties"].setdefault("IdentitySource", [])


def plain_issuer(template):
    """There is no TLS, so the issuer's URL is plain too."""
    issuer = template["Parameters"]["Issuer"]
    issuer.pop("AllowedPattern", None)


def replaced(node, change):
    """The tree, with each node changed."""
    node = change(node)
    if isinstance(node, dict):
        return {key: replaced(value, change) for key, value in node.items()}
    if isinstance(node, list):
        return [replaced(value, change) for value in node]
    return node
