"""GraphQL over FHIR, reading only. Source: FHIR R4, graphql.html. The parser is graphql-core's, the execution ours."""
